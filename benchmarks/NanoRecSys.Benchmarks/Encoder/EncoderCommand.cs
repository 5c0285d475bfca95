using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Training.Export.Onnx;
using TorchSharp;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Benchmarks.Encoder;

/// <summary>
/// The command <c>encoder</c>: time of one user's embedding on one thread, with the served graph and with one in nanoRecSys'
/// shape (padded to the maximum length, every position through every block) with the same weights and quantization.
/// They alternate every few runs, so that the machine's drift affects all equally.
/// </summary>
internal static class EncoderCommand
{
    private const int ConsecutiveRuns = 5; // of one graph
    private static readonly int[] Lengths = [20, 68, 144, 200];

    public static Command Create()
    {
        Option<string> block = new("--block") { Description = "Kind of block.", DefaultValueFactory = _ => BlockKinds.Transformer };
        Option<int> dimension = new("--dimension") { Description = "Width of the embeddings.", DefaultValueFactory = _ => 256 };
        Option<int> blocks = new("--blocks") { Description = "Number of blocks.", DefaultValueFactory = _ => 4 };
        Option<int> heads = new("--heads") { Description = "Attention heads.", DefaultValueFactory = _ => 8 };
        Option<int> hidden = new("--feed-forward") { Description = "Hidden width of SwiGLU.", DefaultValueFactory = _ => 1024 };
        Option<int> items = new("--items") { Description = "Rows of the item table.", DefaultValueFactory = _ => 26_744 };
        Option<int> rounds = new("--rounds") { Description = "Runs of each graph at each length.", DefaultValueFactory = _ => 100 };
        Option<int> seed = new("--seed") { Description = "Seed of weights and histories.", DefaultValueFactory = _ => 1 };
        Command command = new("encoder", "Latency of the user tower, compared with a graph in nanoRecSys' shape.")
        {
            block, dimension, blocks, heads, hidden, items, rounds, seed,
        };
        command.SetAction(parsed =>
        {
            var model = new ModelInfo(
                parsed.GetValue(block)!, parsed.GetValue(dimension), parsed.GetValue(blocks), parsed.GetValue(heads), parsed.GetValue(hidden), Lengths[^1],
                parsed.GetValue(items), RopeBase: 500, Dropout: 0, "full-softmax", 0.05);
            return Run(model, parsed.GetValue(rounds), parsed.GetValue(seed), parsed.GetValue(JsonLine.Option));
        });
        return command;
    }

    private static int Run(ModelInfo model, int rounds, int seed, bool json)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("nanorecsys-benchmark-");
        try
        {
            string PathOf(string name) => Path.Combine(folder.FullName, name);
            IReadOnlyDictionary<string, NamedTensor> weights = RandomWeights(model, seed);
            PlainTower.Write(PathOf("padded.onnx"), model, weights);
            UserTowerGraph.Write(PathOf("int8.onnx"), model, weights, isInt8: true);
            UserTowerGraph.Write(PathOf("fp32.onnx"), model, weights);
            var random = new Random(seed);
            Report(model, [.. Lengths.Select(length => Measure(PathOf, History(length, model.Items, random), rounds))], rounds, json);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // Their values do not matter: the cost does not depend on them.
    private static IReadOnlyDictionary<string, NamedTensor> RandomWeights(ModelInfo model, int seed)
    {
        LibTorch.Load();
        torch.manual_seed(seed);
        using var tower = new UserTower(model);
        return NetworkWeights.ByName(tower);
    }

    private static long[] History(int length, int items, Random random) => [.. Enumerable.Range(0, length).Select(_ => (long)random.Next(1, items + 1))];

    private static EncoderTimes Measure(Func<string, string> pathOf, long[] history, int rounds)
    {
        long[] padding = new long[Lengths[^1] - history.Length];
        using OrtValue alone = OrtValue.CreateTensorValueFromMemory(history, [1, history.Length]);
        using OrtValue padded = OrtValue.CreateTensorValueFromMemory((long[])[.. padding, .. history], [1, Lengths[^1]]);
        using TimedGraph plain = new(pathOf("padded.onnx"), padded);
        using TimedGraph int8 = new(pathOf("int8.onnx"), alone);
        using TimedGraph fp32 = new(pathOf("fp32.onnx"), alone);
        TimedGraph[] graphs = [plain, int8, fp32];
        double[][] times = [.. graphs.Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round += ConsecutiveRuns)
        {
            for (int g = 0; g < graphs.Length; g++)
            {
                graphs[g].Time(); // reloads its weights into the processor's cache, as on a server that runs one graph
                for (int i = round; i < Math.Min(round + ConsecutiveRuns, rounds); i++)
                {
                    times[g][i] = graphs[g].Time();
                }
            }
        }

        double[] medians = [.. times.Select(each => each.Order().ElementAt(rounds / 2))];
        return new EncoderTimes(history.Length, medians[0], medians[1], medians[2], Cosine(plain.Run(), int8.Run()), Cosine(fp32.Run(), int8.Run()));
    }

    // Both have length 1.
    private static double Cosine(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

    private static void Report(ModelInfo model, EncoderTimes[] lengths, int rounds, bool json)
    {
        Table table = new Table()
            .Title($"One user on one thread: {model.Blocks} {model.Kind} blocks of width {model.Dimension}, medians of {rounds} runs, ms")
            .AddColumns("length", "padded, int8", "ours, int8", "times as fast", "ours, fp32", "cosine to padded", "cosine to fp32");
        foreach (EncoderTimes each in lengths)
        {
            table.AddRow(
                $"{each.Length}", $"{each.Padded:0.00}", $"{each.Int8:0.00}", $"{each.Padded / each.Int8:0.00}", $"{each.Fp32:0.00}",
                $"{each.CosineToPadded:0.00000}", $"{each.CosineToFp32:0.00000}");
        }

        AnsiConsole.Write(table);
        Dictionary<string, double> By(Func<EncoderTimes, double> value) => lengths.ToDictionary(each => $"{each.Length}", value);
        JsonLine.Write(json, new
        {
            speedup = By(each => each.Padded / each.Int8),
            ours_ms = By(each => each.Int8),
            padded_ms = By(each => each.Padded),
            ours_fp32_ms = By(each => each.Fp32),
            cosine_to_padded = By(each => each.CosineToPadded),
            cosine_to_fp32 = By(each => each.CosineToFp32),
        });
    }

    /// <param name="Length">Number of items in the history.</param>
    /// <param name="Padded">Milliseconds of the graph in nanoRecSys' shape.</param>
    /// <param name="Int8">Milliseconds of the served graph with the same weights and quantization.</param>
    /// <param name="Fp32">Milliseconds of the served graph in 32 bits.</param>
    /// <param name="CosineToPadded">Between the embeddings of the two 8-bit graphs.</param>
    /// <param name="CosineToFp32">Between the served graph in 8 and in 32 bits.</param>
    private sealed record EncoderTimes(int Length, double Padded, double Int8, double Fp32, double CosineToPadded, double CosineToFp32);
}

/// <summary>The baseline in 8 bits: computes every position in every block and selects the last one at the end.</summary>
internal static class PlainTower
{
    public static void Write(string path, ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights)
    {
        var state = new CheckedWeights(weights);
        var graph = new OnnxGraph("plain_user_tower") { IsInt8 = true };
        TowerInputs inputs = TowerInputs.Of(graph, model);
        TransformerTowerBlock block = UserTowerGraph.Block(graph, model, state, inputs, isPadded: true);
        OnnxValue x = UserTowerGraph.Embed(graph, model, state, inputs.Tokens); // [B, L, D]
        for (int i = 0; i < model.Blocks; i++)
        {
            x = block.EveryPosition(i, x); // [B, L, D]
        }

        OnnxValue last = graph.Gather(x, graph.ScalarConstant(-1L), axis: 1); // [B, D]
        graph.Output(OnnxUserTower.EmbeddingOutput, UserTowerGraph.Head(graph, model, state, last), DataType.Float, "batch", model.Dimension);
        graph.Save(path);
    }
}

/// <summary>A user tower in ONNX Runtime on one thread, with the tokens of one request.</summary>
internal sealed class TimedGraph(string path, OrtValue tokens) : IDisposable
{
    private static readonly string[] Inputs = [OnnxUserTower.TokensInput];

    private readonly InferenceSession _session = OnnxSession.Open(path);
    private readonly RunOptions _options = new();
    private readonly OrtValue[] _values = [tokens];

    public float[] Run()
    {
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(_options, Inputs, _values, _session.OutputNames);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    /// <returns>Milliseconds of one run.</returns>
    public double Time()
    {
        long start = Stopwatch.GetTimestamp();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(_options, Inputs, _values, _session.OutputNames);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public void Dispose()
    {
        _options.Dispose();
        _session.Dispose();
    }
}
