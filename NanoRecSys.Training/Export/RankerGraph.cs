using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Training.Export.Onnx;
using static TorchSharp.torch;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Training.Export;

/// <summary>The trained ranker as ONNX graphs, batch norms folded into the linear layers. <see cref="Write"/> makes one whole graph, for use
/// elsewhere. <see cref="WriteParts"/> splits it as serving needs: parts that depend only on the item run once per item, parts that
/// depend only on the user once per request.</summary>
internal static class RankerGraph
{
    private const string Candidates = "candidates";

    /// <exception cref="InvalidDataException">A tensor is missing or does not fit the others.</exception>
    public static void Write(string path, int dimension, IReadOnlyDictionary<string, NamedTensor> weights, IReadOnlyList<string>? signals = null)
    {
        RankerWeights ranker = RankerWeights.Of(dimension, weights, signals ?? []);
        var graph = new OnnxGraph("ranker");
        OnnxValue user = graph.Input(OnnxRanker.UserInput, DataType.Float, 1, dimension);
        (OnnxValue known, OnnxValue unknown, OnnxValue itemPart) = Items(graph, ranker);
        OnnxValue? read = null;
        if (ranker.Signals.Count > 0)
        {
            OnnxValue hidden = graph.Initializer("hidden_signals", ranker.HiddenSignals, ranker.Signals.Count);
            OnnxValue shown = graph.Subtract(graph.ScalarConstant(1f), graph.Multiply(unknown, hidden)); // [C, 1] x [S] -> [C, S]
            read = graph.Multiply(Signals(graph, ranker), shown);
        }

        Finish(graph, ranker, user, known, itemPart, read, isInt8: false);
        graph.Save(path);
    }

    /// <param name="itemsPath">Path of the graph that turns an item into its part of the first layer, [H1].</param>
    public static void WriteParts(
        string itemsPath, string candidatesPath, int dimension, IReadOnlyDictionary<string, NamedTensor> weights, IReadOnlyList<string>? signals = null, bool isInt8 = false)
    {
        RankerWeights ranker = RankerWeights.Of(dimension, weights, signals ?? []);
        var items = new OnnxGraph("ranker_items");
        items.Output(OnnxRanker.ItemPart, Items(items, ranker).Part, DataType.Float, Candidates, ranker.First.Out);
        items.Save(itemsPath);

        var candidates = new OnnxGraph("ranker_candidates");
        OnnxValue user = candidates.Input(OnnxRanker.UserInput, DataType.Float, 1, dimension);
        OnnxValue embeddings = candidates.Input(OnnxRanker.ItemsInput, DataType.Float, Candidates, dimension);
        OnnxValue itemPart = candidates.Input(OnnxRanker.ItemPart, DataType.Float, Candidates, ranker.First.Out);
        OnnxValue? read = ranker.Signals.Count > 0 ? Signals(candidates, ranker) : null;
        Finish(candidates, ranker, user, embeddings, itemPart, read, isInt8);
        candidates.Save(candidatesPath);
    }

    /// <summary>The item inputs: embeddings, zero for unknown items, [C, D], and their part of the first layer, [C, H1].</summary>
    private static (OnnxValue Known, OnnxValue Unknown, OnnxValue Part) Items(OnnxGraph graph, RankerWeights ranker)
    {
        OnnxValue items = graph.Input(OnnxRanker.ItemsInput, DataType.Float, Candidates, ranker.Dimension);
        OnnxValue popularity = graph.Input(OnnxRanker.PopularityInput, DataType.Float, Candidates, 1);
        int numbered = 0;
        OnnxValue[] numbers = [.. ranker.Numbers.Select(table => graph.Input(
            table.Name == RankerWeights.YearTable ? OnnxRanker.YearInput : OnnxRanker.NumberInput(numbered++), DataType.Int64, Candidates))];
        OnnxValue genres = graph.Input(OnnxRanker.GenresInput, DataType.Float, Candidates, (int)ranker.Categories.Shape[0]);
        OnnxValue unknown = graph.Input(OnnxRanker.UnknownInput, DataType.Float, Candidates, 1);

        graph.Scope = "features";
        OnnxValue one = graph.ScalarConstant(1f);
        OnnxValue known = graph.Multiply(items, graph.Subtract(one, unknown)); // [C, D]
        OnnxValue[] embeddings = [.. numbers.Select((bucket, n) => graph.Gather(Table(graph, ranker.Numbers[n]), bucket))]; // N x [C, 8]
        OnnxValue genreMean = graph.Divide(
            graph.MatMul(genres, Table(graph, ranker.Categories)), // [C, G] x [G, 16] -> [C, 16]
            graph.Max(graph.ReduceSum(genres, axis: 1), one)); // [C, 1]
        OnnxValue content = graph.Concat(1, [popularity, .. embeddings, genreMean, unknown]); // [C, 18 + 8N]

        graph.Scope = ranker.First.Name;
        return (known, unknown, graph.Add(graph.Linear(known, ranker.OfItem), graph.Linear(content, ranker.OfContent)));
    }

    private static OnnxValue Signals(OnnxGraph graph, RankerWeights ranker) =>
        graph.Input(OnnxRanker.SignalsInput, DataType.Float, Candidates, ranker.Signals.Count);

    /// <summary>The rest of the first layer, and all others: [1, D], [C, D], [C, H1], [C, S] -> [C].</summary>
    private static void Finish(OnnxGraph graph, RankerWeights ranker, OnnxValue user, OnnxValue known, OnnxValue itemPart, OnnxValue? signals, bool isInt8)
    {
        graph.Scope = ranker.First.Name;
        OnnxValue product = graph.Multiply(known, user); // [C, D]
        OnnxValue ofProduct = graph.Linear(product, ranker.OfProduct, isInt8);
        OnnxValue x = graph.Add(graph.Add(itemPart, graph.Linear(user, ranker.OfUser)), ofProduct); // [C, H1]
        x = graph.Relu(signals is null ? x : graph.Add(x, graph.Linear(signals.Value, ranker.OfSignals)));
        foreach ((int layer, LinearWeights hidden) in ranker.Hidden.Index())
        {
            graph.Scope = hidden.Name;
            x = graph.Relu(graph.Linear(x, hidden, isInt8 && layer == 0));
        }

        graph.Scope = ranker.Output.Name;
        graph.Output(OnnxRanker.LogitsOutput, graph.Reshape(graph.Linear(x, ranker.Output), -1), DataType.Float, Candidates);
    }

    private static OnnxValue Table(OnnxGraph graph, NamedTensor table) => graph.Initializer(table.Name, table.Values, table.Shape);
}

/// <summary>The trained ranker as ONNX graphs, whole and in the parts that serving runs, with <c>ranker.json</c>.</summary>
internal sealed class RankerExport(Workspace workspace, Catalog catalog, UserEncoder encoder, TimedHistory[] histories, long seed)
{
    /// <summary>As many candidates as serving ranks at a time.</summary>
    private const int Candidates = 100;

    /// <summary>Share of the candidates compared as new items, whose embedding is ignored.</summary>
    private const double UnknownShare = 0.1;

    /// <summary>How far int8 may move any logit, in standard deviations of the logits. On the sample the worst of 20,000 moved by 0.11.</summary>
    private const double Int8Tolerance = 0.15;

    /// <summary>Number of weights in the second layer from which int8 is worth its rounding: at the reference size it saves 0.3 ms of 0.7.</summary>
    private const int Int8PaysFrom = 256 * 256;

    public static bool IsOfThisRetriever(Workspace workspace, PreparedData? data) => IsThere(workspace) && MismatchOf(workspace, data) is null;

    /// <summary>Like <see cref="IsOfThisRetriever"/>, but reports why an existing ranker is left out.</summary>
    public static bool IsUsable(StepContext context, PreparedData? data)
    {
        if (MismatchOf(context.Workspace, data) is { } mismatch)
        {
            context.Progress.Report(new ProgressEvent { Message = $"The ranker is left out. {mismatch}" });
            return false;
        }

        return IsThere(context.Workspace);
    }

    /// <returns>Why the ranker cannot be used with the current retriever and data, and the remedy; null if it can, or if there is no ranker.</returns>
    public static string? MismatchOf(Workspace workspace, PreparedData? data)
    {
        if (!IsThere(workspace))
        {
            return null;
        }

        string? trainedFor = ModelFolder.Ranker.ReadModel(workspace.RankerFolder).RetrieverSha256;
        return trainedFor is null ? "The ranker does not record its retriever: an earlier version trained it. Run 'train-ranker' again, or 'import' with --ranker."
            : trainedFor != ModelFolder.HashOf(workspace.RetrieverFolder) ? "The ranker was trained for another retriever. Run 'mine-negatives' and 'train-ranker' again, or 'import' with --ranker."
            : ModelFolder.HasRefit(workspace) ? $"The ranker was trained for the selected retriever, not for its refit. Delete {workspace.RefitFolder} to serve the two."
            : data is null ? null
            : ModelFolder.Ranker.MismatchOf(workspace.RankerFolder, data);
    }

    private static bool IsThere(Workspace workspace) => File.Exists(Path.Combine(workspace.RankerFolder, ModelFolder.WeightsName));

    public RankerPartsInfo Write(RankerNetwork network, RankerPrecision precision, Dictionary<string, ParityInfo> parity)
    {
        int dimension = (int)encoder.ItemEmbeddings.shape[1];
        RankerModel model = network.Model;
        UserErrorException.ThrowIf(model.Dimension != dimension,
            $"The ranker reads embeddings of {model.Dimension} dimensions, but the retriever has {dimension}. Run 'train-ranker' again.");

        IReadOnlyDictionary<string, NamedTensor> weights = NetworkWeights.ByName(network);
        RankerGraph.Write(PathOf(ArtifactNames.Ranker), dimension, weights, model.Signals);
        File.Copy(Path.Combine(workspace.RankerFolder, ModelFolder.Ranker.ConfigurationName), PathOf(ModelFolder.Ranker.ConfigurationName));
        using InferenceSession exported = OnnxSession.Open(PathOf(ArtifactNames.Ranker));
        (ParityInfo whole, _) = Compare((user, items, signals) => OnnxRanker.ScoreWhole(exported, user, items, signals), network);
        parity[ArtifactNames.Ranker] = Parity.Require(ArtifactNames.Ranker, whole);
        bool isLarge = model.Hidden.Count > 1 && model.Hidden[0] * model.Hidden[1] >= Int8PaysFrom;
        bool isInt8 = precision == RankerPrecision.EightBits || (precision == RankerPrecision.Auto && isLarge);
        ParityInfo parts = WriteParts(weights, network, isInt8);
        if (isInt8 && precision == RankerPrecision.Auto && !Parity.Holds(parts))
        {
            isInt8 = false;
            parts = WriteParts(weights, network, isInt8);
        }

        parity[ArtifactNames.RankerCandidates] = Parity.Require(ArtifactNames.RankerCandidates, parts);
        return new RankerPartsInfo(ArtifactNames.RankerItems, ArtifactNames.RankerItemParts, ArtifactNames.RankerCandidates, isInt8 ? "int8" : "fp32");
    }

    private ParityInfo WriteParts(IReadOnlyDictionary<string, NamedTensor> weights, RankerNetwork network, bool isInt8)
    {
        (string items, string candidates) = (PathOf(ArtifactNames.RankerItems), PathOf(ArtifactNames.RankerCandidates));
        RankerGraph.WriteParts(items, candidates, network.Model.Dimension, weights, network.Model.Signals, isInt8);
        using var exported = new OnnxRanker(items, candidates);
        (ParityInfo parity, double deviation) = Compare((user, rows, signals) => ScoreParts(exported, network.Model.Signals, user, rows, signals), network);
        return isInt8 ? parity with { Tolerance = Int8Tolerance * deviation } : parity;
    }

    // As in serving: zero embeddings for unknown items, and zeros for the signals that need an embedding.
    private static float[] ScoreParts(OnnxRanker ranker, IReadOnlyList<string> names, float[] user, RankerItems items, float[] signals)
    {
        var parts = new float[items.Count * ranker.PartWidth];
        ranker.ComputeParts(items, parts);
        float[] known = [.. items.Embeddings.Select((value, i) => value * (1 - items.Unknown[i / user.Length]))];
        float[] shown = [.. signals.Select((value, i) =>
            RankerSignals.NeedsEmbedding(names[i % names.Count]) ? value * (1 - items.Unknown[i / names.Count]) : value)];
        return ranker.Score(user, known, parts, shown);
    }

    private (ParityInfo Parity, double Deviation) Compare(Func<float[], RankerItems, float[], float[]> score, RankerNetwork network)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var random = new Random(unchecked((int)seed));
        using var items = new ItemFeatureTensors(encoder.ItemEmbeddings.clone(), new ItemFeatures(catalog, network.Model.Items));
        Tensor users = encoder.Encode(histories); // [B, D]
        int signals = network.Model.Signals.Count;
        double largest = 0;
        var logits = new List<float>();
        for (int b = 0; b < histories.Length; b++)
        {
            using var userScope = NewDisposeScope();
            long[] rows = [.. Enumerable.Range(0, Candidates).Select(_ => (long)random.Next(catalog.Count))];
            float[] unknown = [.. rows.Select(_ => random.NextDouble() < UnknownShare ? 1f : 0f)];
            float[] read = [.. Enumerable.Range(0, Candidates * signals).Select(_ => 2 * random.NextSingle() - 1)];
            RankerInputs inputs = items.Gather(
                users[b..(b + 1)], tensor(rows), tensor(unknown, [Candidates, 1]), signals > 0 ? tensor(read, [Candidates, signals]) : null);
            float[] expected = network.forward(inputs).data<float>().ToArray(); // [C]
            logits.AddRange(expected);
            var candidates = new RankerItems(
                Values<float>(inputs.Items), Values<float>(inputs.Popularity),
                [.. Enumerable.Range(0, network.Model.Items.Numbers.Count).Select(n => Values<long>(inputs.Numbers.select(1, n)))],
                Values<float>(inputs.Categories), unknown);
            largest = Math.Max(largest, Parity.MaxAbsDifference(score(Values<float>(inputs.Users), candidates, read), expected));
        }

        double mean = logits.Average();
        return (new ParityInfo(largest, logits.Count, Parity.Tolerance), Math.Sqrt(logits.Average(logit => (logit - mean) * (logit - mean))));
    }

    private static T[] Values<T>(Tensor tensor)
        where T : unmanaged
    {
        using Tensor dense = tensor.contiguous();
        return dense.data<T>().ToArray();
    }

    private string PathOf(string name) => Path.Combine(workspace.ExportFolder, name);
}

/// <summary>A trained ranker's layers, batch norms folded in, and the parts of its first layer.</summary>
/// <param name="Signals">Names of its input signals, in order.</param>
/// <param name="Categories">[G, 16]</param>
/// <param name="Numbers">[buckets, 8] for each number attribute, the year of release first.</param>
/// <param name="First">3D + 18 + 8N + S -> H1.</param>
internal sealed record RankerWeights(
    int Dimension, IReadOnlyList<string> Signals, NamedTensor Categories, IReadOnlyList<NamedTensor> Numbers,
    LinearWeights First, IReadOnlyList<LinearWeights> Hidden, LinearWeights Output)
{
    public const string YearTable = "year_embeddings.weight";

    /// <summary>Linear, batch norm, ReLU, dropout: a hidden layer's modules in the network's list.</summary>
    private const int ModulesPerLayer = 4;

    /// <summary>Number of content inputs of the first layer: popularity, numbers, categories and the flag of unknown items.</summary>
    public int ContentWidth => 1 + Numbers.Sum(table => (int)table.Shape[1]) + (int)Categories.Shape[1] + 1;

    /// <summary>D -> H1, with the bias: the same for all candidates of a user.</summary>
    public LinearWeights OfUser => First.InputColumns($"{First.Name}.user", 0, Dimension, keepBias: true);

    /// <summary>D -> H1, for the item's embedding.</summary>
    public LinearWeights OfItem => First.InputColumns($"{First.Name}.item", Dimension, Dimension, keepBias: false);

    /// <summary>D -> H1, for the product of user and item.</summary>
    public LinearWeights OfProduct => First.InputColumns($"{First.Name}.product", 2 * Dimension, Dimension, keepBias: false);

    /// <summary>18 + 8N -> H1, for the item's content.</summary>
    public LinearWeights OfContent => First.InputColumns($"{First.Name}.content", 3 * Dimension, ContentWidth, keepBias: false);

    /// <summary>S -> H1, for the signals.</summary>
    public LinearWeights OfSignals => First.InputColumns($"{First.Name}.signals", 3 * Dimension + ContentWidth, Signals.Count, keepBias: false);

    /// <summary>[S] 1 for a signal that an unknown item does not have.</summary>
    public float[] HiddenSignals => [.. Signals.Select(signal => RankerSignals.NeedsEmbedding(signal) ? 1f : 0f)];

    /// <exception cref="InvalidDataException">A tensor is missing or does not fit the others.</exception>
    public static RankerWeights Of(int dimension, IReadOnlyDictionary<string, NamedTensor> weights, IReadOnlyList<string> signals)
    {
        var state = new CheckedWeights(weights);
        NamedTensor categories = state.Matrix("genre_embeddings.weight");
        List<NamedTensor> numbers = weights.ContainsKey(YearTable) ? [state.Matrix(YearTable)] : [];
        for (int place = 0; weights.ContainsKey(NumberTable(place)); place++)
        {
            numbers.Add(state.Matrix(NumberTable(place)));
        }

        int width = 3 * dimension + 1 + numbers.Sum(table => (int)table.Shape[1]) + (int)categories.Shape[1] + 1 + signals.Count;
        var layers = new List<LinearWeights>();
        for (int layer = 0; layer == 0 || weights.ContainsKey($"mlp.{layer}.weight"); layer += ModulesPerLayer)
        {
            int output = (int)state.Matrix($"mlp.{layer}.weight").Shape[0];
            layers.Add(state.LinearThenBatchNorm($"mlp.{layer}", $"mlp.{layer + 1}", width, output));
            width = output;
        }

        return new RankerWeights(dimension, signals, categories, numbers, layers[0], layers[1..], state.Linear("output", width, 1, bias: true));
    }

    /// <summary>The embedding of a number attribute other than the year of release, by its index among them.</summary>
    public static string NumberTable(int place) => $"number_embeddings.{place}.weight";
}

/// <summary>Computes every item's part of the ranker's first layer, so that no request has to.</summary>
internal static class RankerItemParts
{
    private const int RowsPerPass = 4096;

    public static void Write(string folder, RankerInfo ranker, Catalog catalog)
    {
        var features = new ItemFeatures(catalog, ranker.Items);
        (float[] embeddings, int dimension) = NpyFile.Read(Path.Combine(folder, ArtifactNames.ItemEmbeddings));
        using var graphs = new OnnxRanker(Path.Combine(folder, ranker.Parts.Items), Path.Combine(folder, ranker.Parts.Candidates));
        var parts = new float[catalog.Count * graphs.PartWidth]; // [V, H1]
        for (int first = 0; first < catalog.Count; first += RowsPerPass)
        {
            int[] rows = [.. Enumerable.Range(first, Math.Min(RowsPerPass, catalog.Count - first))];
            RankerItems items = features.Read(rows, embeddings.AsSpan(first * dimension, rows.Length * dimension).ToArray());
            graphs.ComputeParts(items, parts.AsSpan(first * graphs.PartWidth));
        }

        NpyFile.Write(Path.Combine(folder, ranker.Parts.ItemParts), parts, graphs.PartWidth);
    }
}
