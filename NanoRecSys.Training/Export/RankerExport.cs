using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Export;

/// <summary>The trained ranker as ONNX graphs, whole and in the parts that serving runs, with <c>ranker.json</c> beside them.</summary>
internal sealed class RankerExport(Workspace workspace, Catalog catalog, UserEncoder encoder, TimedHistory[] histories, long seed)
{
    /// <summary>As many as serving ranks at a time.</summary>
    private const int Candidates = 100;

    /// <summary>Share of the candidates that are compared as new items, whose embedding does not count.</summary>
    private const double UnknownShare = 0.1;

    /// <summary>How far int8 may move any logit, in standard deviations of the logits. On the sample the worst of 20,000 moved by 0.11.</summary>
    private const double Int8Tolerance = 0.15;

    /// <summary>Weights of the second layer from which on int8 is worth its rounding: at the reference size it saves 0.3 ms of 0.7.</summary>
    private const int Int8PaysFrom = 256 * 256;

    /// <summary>Whether there is a ranker that was trained for the current retriever.</summary>
    public static bool IsOfThisRetriever(Workspace workspace) => IsThere(workspace) && MismatchOf(workspace) is null;

    /// <summary>As <see cref="IsOfThisRetriever"/>; reports why an existing ranker is left out.</summary>
    public static bool IsUsable(StepContext context)
    {
        if (MismatchOf(context.Workspace) is { } mismatch)
        {
            context.Progress.Report(new StepProgress { Message = $"The ranker is left out. {mismatch}" });
            return false;
        }

        return IsThere(context.Workspace);
    }

    /// <returns>Why the ranker cannot be used with the current retriever, and the remedy; null if it can, or if there is no ranker.</returns>
    public static string? MismatchOf(Workspace workspace)
    {
        if (!IsThere(workspace))
        {
            return null;
        }

        string? trainedFor = RankerFiles.ReadModel(workspace.RankerFolder).RetrieverSha256;
        return trainedFor is null ? "The ranker does not record its retriever: an earlier version trained it. Run 'train-ranker' again, or 'import' with --ranker."
            : trainedFor != TrainedWeights.HashOf(workspace.RetrieverFolder) ? "The ranker was trained for another retriever. Run 'mine-negatives' and 'train-ranker' again, or 'import' with --ranker."
            : null;
    }

    private static bool IsThere(Workspace workspace) => File.Exists(Path.Combine(workspace.RankerFolder, RankerFiles.WeightsName));

    /// <param name="weights">The ranker's.</param>
    /// <param name="precision">Of the parts.</param>
    /// <param name="parity">Receives how far the graphs' logits stray, over every history with <see cref="Candidates"/> random items each.</param>
    public RankerPartsInfo Write(TrainedWeights weights, RankerPrecision precision, Dictionary<string, ParityInfo> parity)
    {
        using RankerNetwork network = RankerFiles.Read(workspace.RankerFolder);
        int dimension = (int)encoder.ItemEmbeddings.shape[1];
        RankerModel model = network.Model;
        if (model.Dimension != dimension)
        {
            throw new UserErrorException($"The ranker reads embeddings of {model.Dimension} dimensions, the retriever has {dimension}. Run 'train-ranker' again.");
        }

        RankerGraph.Write(PathOf(ArtifactNames.Ranker), dimension, weights.Tensors, model.Signals);
        File.Copy(Path.Combine(workspace.RankerFolder, RankerFiles.ModelName), PathOf(RankerFiles.ModelName));
        using var exported = new OnnxRanker(PathOf(ArtifactNames.Ranker));
        (ParityInfo whole, _) = Compare(exported.Score, network);
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

    private ParityInfo WriteParts(TrainedWeights weights, RankerNetwork network, bool isInt8)
    {
        (string items, string candidates) = (PathOf(ArtifactNames.RankerItems), PathOf(ArtifactNames.RankerCandidates));
        RankerGraph.WriteParts(items, candidates, network.Model.Dimension, weights.Tensors, network.Model.Signals, isInt8);
        using Tensor hidden = tensor(network.Model.Signals.Select(signal => RankerSignals.NeedsEmbedding(signal) ? 1f : 0f).ToArray());
        using var parts = new OnnxRankerParts(items, candidates, hidden);
        (ParityInfo parity, double deviation) = Compare(parts.Score, network);
        return isInt8 ? parity with { Tolerance = Int8Tolerance * deviation } : parity;
    }

    /// <returns>How far the logits stray, and the standard deviation of the trained ones.</returns>
    private (ParityInfo Parity, double Deviation) Compare(Func<RankerInputs, float[]> score, RankerNetwork network)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var random = new Random(unchecked((int)seed));
        using var items = new ItemFeatureTensors(encoder.ItemEmbeddings.clone(), new ItemFeatures(catalog, network.Model.Genres));
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
            largest = Math.Max(largest, Parity.MaxAbsDifference(score(inputs), expected));
        }

        double mean = logits.Average();
        return (new ParityInfo(largest, logits.Count, Parity.Tolerance), Math.Sqrt(logits.Average(logit => (logit - mean) * (logit - mean))));
    }

    private string PathOf(string name) => Path.Combine(workspace.ExportFolder, name);
}
