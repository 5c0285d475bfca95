using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Benchmarks.Ranker;

/// <summary>
/// The command <c>ranker</c>: scoring one user's candidates on one thread, the graph that serving runs compared with a plain export
/// of the same weights. Runs alternate, so that the machine's drift affects each alike.
/// </summary>
internal static class RankerCommand
{
    private static readonly int[] Hidden = [512, 256, 128];

    public static Command Create()
    {
        Option<int> dimension = new("--dimension") { Description = "Width of the embeddings.", DefaultValueFactory = _ => 256 };
        Option<int> candidates = new("--candidates") { Description = "Candidates of the user.", DefaultValueFactory = _ => 100 };
        Option<int> rounds = new("--rounds") { Description = "Runs of each graph.", DefaultValueFactory = _ => 2000 };
        Option<int> seed = new("--seed") { Description = "Seed of weights and inputs.", DefaultValueFactory = _ => 1 };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("ranker", "Latency of the second stage (512-256-128), compared with a plain export.") { dimension, candidates, rounds, seed, json };
        command.SetAction(parsed => Run(
            parsed.GetValue(dimension), parsed.GetValue(candidates), parsed.GetValue(rounds), new Random(parsed.GetValue(seed)), parsed.GetValue(json)));
        return command;
    }

    private static int Run(int dimension, int candidates, int rounds, Random random, bool json)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("nanorecsys-benchmark-");
        try
        {
            Dictionary<string, NamedTensor> weights = RandomRanker.Create(dimension, Hidden, random);
            string PathOf(string name) => Path.Combine(folder.FullName, name);
            PlainGraph.Write(PathOf("plain.onnx"), dimension, weights);
            RankerGraph.WriteParts(PathOf("items.onnx"), PathOf("fp32.onnx"), dimension, weights);
            RankerGraph.WriteParts(PathOf("items.onnx"), PathOf("int8.onnx"), dimension, weights, isInt8: true);
            using var inputs = new RankerCase(dimension, candidates, random);
            using TimedGraph plain = new(PathOf("plain.onnx"), inputs.Plain);
            using TimedGraph items = new(PathOf("items.onnx"), inputs.Items);
            using OrtValue itemPart = OrtValue.CreateTensorValueFromMemory(items.Run(), [candidates, Hidden[0]]);
            (string, OrtValue)[] cut = [.. inputs.Parts, (OnnxRanker.ItemPart, itemPart)];
            using TimedGraph fp32 = new(PathOf("fp32.onnx"), cut);
            using TimedGraph int8 = new(PathOf("int8.onnx"), cut);
            Report([("plain export", plain), ("parts, fp32", fp32), ("parts, int8", int8)], dimension, candidates, rounds, json);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Report((string Name, TimedGraph Graph)[] graphs, int dimension, int candidates, int rounds, bool json)
    {
        float[] expected = graphs[0].Graph.Run();
        double[][] times = [.. graphs.Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round++)
        {
            for (int g = 0; g < graphs.Length; g++)
            {
                times[g][round] = graphs[g].Graph.Time();
            }
        }

        Table table = new Table().Title(string.Create(CultureInfo.InvariantCulture, $"{candidates} candidates, {dimension} dimensions, one thread"))
            .AddColumns("graph", "median ms", "fastest tenth ms", "times as fast", "largest difference");
        var lines = new List<object>();
        double plain = 0;
        foreach ((int g, (string name, TimedGraph graph)) in graphs.Index())
        {
            Array.Sort(times[g]);
            (double median, double tenth) = (times[g][rounds / 2], times[g][rounds / 10]);
            plain = g == 0 ? median : plain;
            double difference = graph.Run().Zip(expected, (a, b) => Math.Abs(a - b)).Max();
            table.AddRow(name, Text(median), Text(tenth), Text(plain / median), difference.ToString("G2", CultureInfo.InvariantCulture));
            lines.Add(new { name, median_ms = median, fastest_tenth_ms = tenth, max_difference = difference });
        }

        AnsiConsole.Write(table);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { candidates, dimension, graphs = lines }));
        }
    }

    private static string Text(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}

/// <summary>One request's inputs, random, in the shapes of the plain graph and of the parts.</summary>
internal sealed class RankerCase : IDisposable
{
    private readonly List<OrtValue> _values = [];

    public RankerCase(int dimension, int candidates, Random random)
    {
        float[] user = Unit();
        float[] vectors = [.. Enumerable.Range(0, candidates).SelectMany(_ => Unit())]; // [C, D]
        OrtValue item = Own(vectors, candidates, dimension);
        (string, OrtValue)[] content =
        [
            (OnnxRanker.PopularityInput, Own([.. Enumerable.Range(0, candidates).Select(_ => random.NextSingle())], candidates, 1)),
            (OnnxRanker.YearInput, Own([.. Enumerable.Range(0, candidates).Select(_ => (long)random.Next(6))], candidates)),
            (OnnxRanker.GenresInput, Own([.. Enumerable.Range(0, candidates * RandomRanker.Genres).Select(_ => random.Next(8) == 0 ? 1f : 0f)], candidates, RandomRanker.Genres)),
            (OnnxRanker.UnknownInput, Own(new float[candidates], candidates, 1)),
        ];
        Items = [(OnnxRanker.ItemsInput, item), .. content];
        Plain = [(OnnxRanker.UserInput, Own([.. Enumerable.Repeat(user, candidates).SelectMany(row => row)], candidates, dimension)), .. Items];
        Parts = [(OnnxRanker.UserInput, Own(user, 1, dimension)), (OnnxRanker.ItemsInput, item)];

        float[] Unit()
        {
            float[] vector = [.. Enumerable.Range(0, dimension).Select(_ => random.NextSingle() - 0.5f)];
            float norm = MathF.Sqrt(vector.Sum(value => value * value));
            return [.. vector.Select(value => value / norm)];
        }
    }

    public (string, OrtValue)[] Plain { get; }

    public (string, OrtValue)[] Items { get; }

    /// <summary>Everything except the items' part of the first layer.</summary>
    public (string, OrtValue)[] Parts { get; }

    public void Dispose() => _values.ForEach(value => value.Dispose());

    private OrtValue Own<T>(T[] values, params long[] shape)
        where T : unmanaged
    {
        _values.Add(OrtValue.CreateTensorValueFromMemory(values, shape));
        return _values[^1];
    }
}

/// <summary>The yardstick: the ranker as a plain exporter writes it, with everything concatenated for each candidate.</summary>
internal static class PlainGraph
{
    public static void Write(string path, int dimension, IReadOnlyDictionary<string, NamedTensor> weights)
    {
        RankerWeights ranker = RankerWeights.Of(dimension, weights, []);
        var graph = new OnnxGraph("plain_ranker");
        OnnxValue users = graph.Input(OnnxRanker.UserInput, DataType.Float, "candidates", dimension);
        OnnxValue items = graph.Input(OnnxRanker.ItemsInput, DataType.Float, "candidates", dimension);
        OnnxValue popularity = graph.Input(OnnxRanker.PopularityInput, DataType.Float, "candidates", 1);
        OnnxValue year = graph.Input(OnnxRanker.YearInput, DataType.Int64, "candidates");
        OnnxValue genres = graph.Input(OnnxRanker.GenresInput, DataType.Float, "candidates", RandomRanker.Genres);
        OnnxValue unknown = graph.Input(OnnxRanker.UnknownInput, DataType.Float, "candidates", 1);
        OnnxValue one = graph.ScalarConstant(1f);
        OnnxValue known = graph.Multiply(items, graph.Subtract(one, unknown));
        OnnxValue yearEmbedding = graph.Gather(graph.Initializer(ranker.Numbers[0].Name, ranker.Numbers[0].Values, ranker.Numbers[0].Shape), year);
        OnnxValue genreMean = graph.Divide(
            graph.MatMul(genres, graph.Initializer(ranker.Categories.Name, ranker.Categories.Values, ranker.Categories.Shape)),
            graph.Max(graph.ReduceSum(genres, axis: 1), one));
        OnnxValue x = graph.Concat(1, users, known, graph.Multiply(users, known), popularity, yearEmbedding, genreMean, unknown); // [C, 3D + 26]
        foreach (LinearWeights layer in (LinearWeights[])[ranker.First, .. ranker.Hidden])
        {
            graph.Scope = layer.Name;
            x = graph.Relu(graph.Linear(x, layer));
        }

        graph.Output(OnnxRanker.LogitsOutput, graph.Reshape(graph.Linear(x, ranker.Output), -1), DataType.Float, "candidates");
        graph.Save(path);
    }
}

/// <summary>A ranker with nanoRecSys' inputs and seeded random weights: its cost does not depend on what it learned.</summary>
internal static class RandomRanker
{
    public const int Genres = 20;
    private const int GenreWidth = 16;
    private const int YearWidth = 8;
    private const int YearBuckets = 6;

    public static Dictionary<string, NamedTensor> Create(int dimension, int[] hidden, Random random)
    {
        List<NamedTensor> tensors = [Weight("genre_embeddings.weight", Genres, GenreWidth), Weight("year_embeddings.weight", YearBuckets, YearWidth)];
        int width = 3 * dimension + 1 + YearWidth + GenreWidth + 1;
        for (int layer = 0; layer < hidden.Length; layer++)
        {
            (string linear, string norm) = ($"mlp.{4 * layer}", $"mlp.{4 * layer + 1}");
            int output = hidden[layer];
            tensors.AddRange(
            [
                Weight($"{linear}.weight", output, width), Weight($"{linear}.bias", 1, output) with { Shape = [output] },
                Constant($"{norm}.weight", output, 1), Constant($"{norm}.bias", output, 0),
                Constant($"{norm}.running_mean", output, 0), Constant($"{norm}.running_var", output, 1),
            ]);
            width = output;
        }

        return tensors.Concat([Weight("output.weight", 1, width), Constant("output.bias", 1, 0)]).ToDictionary(tensor => tensor.Name);

        // As He et al. start a layer that ReLU follows.
        NamedTensor Weight(string name, int rows, int columns) =>
            new(name, [rows, columns], [.. Enumerable.Range(0, rows * columns).Select(_ => (float)((random.NextDouble() * 2 - 1) * Math.Sqrt(6.0 / columns)))]);

        static NamedTensor Constant(string name, int size, float value) => new(name, [size], [.. Enumerable.Repeat(value, size)]);
    }
}

/// <summary>A graph in ONNX Runtime on one thread, with the inputs of one request.</summary>
internal sealed class TimedGraph : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly string[] _names;
    private readonly OrtValue[] _values;

    public TimedGraph(string path, params (string Name, OrtValue Value)[] inputs)
    {
        _session = OnnxSession.Open(path);
        (_names, _values) = ([.. inputs.Select(input => input.Name)], [.. inputs.Select(input => input.Value)]);
    }

    public float[] Run()
    {
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(_options, _names, _values, _session.OutputNames);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    /// <returns>Milliseconds of one run.</returns>
    public double Time()
    {
        long start = Stopwatch.GetTimestamp();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(_options, _names, _values, _session.OutputNames);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public void Dispose()
    {
        _options.Dispose();
        _session.Dispose();
    }
}
