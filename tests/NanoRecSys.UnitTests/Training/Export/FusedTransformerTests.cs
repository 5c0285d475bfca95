using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Onnx;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Export;

public sealed class FusedTransformerTests
{
    private const int Items = 300;
    private const int Width = 64;
    private static readonly ModelInfo Model = new(BlockKinds.Transformer, Width, 3, 2, 128, 200, Items, 500, 0, "full-softmax", 0.05);

    private static readonly Lazy<(InferenceSession Exact, InferenceSession Fused)> Sessions = new(Export);

    public FusedTransformerTests() => Assert.SkipUnless(Vectors512.AreUsed, "This processor has no 512-bit vectors.");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(17)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(130)]
    [InlineData(200)]
    public void At_any_length_its_output_is_close_to_the_32_bit_graphs(int length)
    {
        long[] history = History(length, seed: length);
        Assert.InRange(Cosine(Run(Sessions.Value.Exact, history, 1), Run(Sessions.Value.Fused, history, 1)), 0.998, 1.000001);
    }

    [Fact]
    public void Histories_of_one_batch_are_independent()
    {
        long[] first = History(40, seed: 1), second = History(40, seed: 2);
        float[] together = Run(Sessions.Value.Fused, [.. first, .. second], 2);
        Assert.InRange(Cosine(Run(Sessions.Value.Exact, first, 1), together[..Width]), 0.998, 1.000001);
        Assert.InRange(Cosine(Run(Sessions.Value.Exact, second, 1), together[Width..]), 0.998, 1.000001);
    }

    [Fact]
    public void Concurrent_calls_do_not_share_buffers()
    {
        float[][] alone = [.. Enumerable.Range(1, 40).Select(length => Run(Sessions.Value.Fused, History(length, seed: length), 1))];
        float[][] atOnce = new float[40][];
        Parallel.For(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => atOnce[i] = Run(Sessions.Value.Fused, History(i + 1, seed: i + 1), 1));
        Assert.Equal(alone, atOnce);
    }

    [Fact]
    public void A_history_longer_than_the_graph_supports_is_refused_with_the_reason()
    {
        OnnxRuntimeException refused = Assert.Throws<OnnxRuntimeException>(() => Run(Sessions.Value.Fused, History(201, seed: 1), 1));
        Assert.Contains("A history of 201 items is longer than the graph's 200 positions.", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(BlockKinds.Transformer, 64, 2, 128, true)]
    [InlineData(BlockKinds.Transformer, 64, 4, 128, false)] // heads of 16
    [InlineData(BlockKinds.Transformer, 96, 3, 128, false)]
    [InlineData(BlockKinds.Transformer, 64, 2, 100, false)]
    [InlineData(BlockKinds.Gated, 64, 2, 128, false)]
    public void It_is_used_where_the_kernels_fit(string kind, int width, int heads, int hidden, bool fits) =>
        Assert.Equal(fits, FusedTransformer.Fits(Model with { Kind = kind, Dimension = width, Heads = heads, FeedForward = hidden }));

    private static (InferenceSession Exact, InferenceSession Fused) Export()
    {
        LibTorch.Load();
        using var folder = new TemporaryFolder();
        manual_seed(5);
        using UserTower tower = new(Model, embeddingStd: 1);
        foreach ((_, var parameter) in tower.named_parameters())
        {
            using var _ = no_grad();
            parameter.add_(randn_like(parameter) * 0.1);
        }

        Dictionary<string, NamedTensor> weights = NetworkWeights.Of(tower).ToDictionary(weight => weight.Name);
        UserTowerGraph.Write(folder.File("fp32.onnx"), Model, weights);
        UserTowerGraph.Write(folder.File("int8.onnx"), Model, weights, isInt8: true);
        return (OnnxSession.Open(folder.File("fp32.onnx")), OnnxSession.Open(folder.File("int8.onnx")));
    }

    private static long[] History(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (long)random.Next(1, Items + 1))];
    }

    private static float[] Run(InferenceSession session, long[] tokens, int batch)
    {
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(tokens, [batch, tokens.Length / batch]);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, [OnnxUserTower.TokensInput], [input], [OnnxUserTower.EmbeddingOutput]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private static double Cosine(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum(); // both are unit vectors
}
