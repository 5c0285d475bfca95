using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Onnx;

namespace NanoRecSys.UnitTests.Training.Export;

public sealed class UserTowerGraphTests : FolderTests
{
    private const float Tolerance = 1e-5f;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Padding_on_the_left_changes_nothing_and_a_row_of_padding_affects_no_other(int blocks)
    {
        (ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights) = RandomWeights.Tower(blocks);
        using InferenceSession session = Export(model, weights);
        float[] bare = Encode(session, [[3, 1, 4]], length: 3);
        float[] padded = Encode(session, [[], [3, 1, 4], []], length: 7);

        Assert.All(padded, value => Assert.True(float.IsFinite(value)));
        AssertClose(bare, padded.AsSpan(model.Dimension, model.Dimension));
    }

    [Fact]
    public void Inputs_and_outputs_are_those_of_the_contract()
    {
        (ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights) = RandomWeights.Tower(blocks: 1);
        using InferenceSession session = Export(model, weights);
        KeyValuePair<string, NodeMetadata> input = Assert.Single(session.InputMetadata);
        KeyValuePair<string, NodeMetadata> output = Assert.Single(session.OutputMetadata);
        Assert.Equal("tokens", input.Key);
        Assert.Equal(typeof(long), input.Value.ElementType);
        Assert.Equal(["batch", "length"], input.Value.SymbolicDimensions);
        Assert.Equal("user_embedding", output.Key);
        Assert.Equal([-1, model.Dimension], output.Value.Dimensions);
    }

    [Fact]
    public void Weights_of_another_configuration_are_refused_by_name()
    {
        (ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights) = RandomWeights.Tower(blocks: 1);
        Assert.Refused<InvalidDataException>(() => Export(model with { FeedForward = 24 }, weights), "'blocks.0.mlp.w_gate_val.weight' is [40, 16]");
        Assert.Refused<InvalidDataException>(() => Export(model with { Blocks = 2 }, weights), "no 'blocks.1.");
    }

    /// <summary>The first session of a process registers the operators, so this tests their registration only if no other test opened one before.</summary>
    [Fact]
    public async Task Sessions_can_be_opened_concurrently()
    {
        string path = Folder.File("user_tower.onnx");
        (ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights) = RandomWeights.Tower(blocks: 1);
        UserTowerGraph.Write(path, model, weights);
        using var together = new Barrier(8);

        Task<InferenceSession>[] opening = [.. Enumerable.Range(0, together.ParticipantCount).Select(_ => Task.Factory.StartNew(
            () =>
            {
                together.SignalAndWait();
                return OnnxSession.Open(path);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        InferenceSession[] opened = await Task.WhenAll(opening);

        Assert.All(opened, session => session.Dispose());
    }

    private InferenceSession Export(ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights)
    {
        string path = Folder.File("user_tower.onnx");
        UserTowerGraph.Write(path, model, weights);
        return OnnxSession.Open(path);
    }

    private static float[] Encode(InferenceSession session, int[][] histories, int length)
    {
        var tokens = new long[histories.Length * length];
        for (int u = 0; u < histories.Length; u++)
        {
            SequenceBuilder.Fill(histories[u], tokens.AsSpan(u * length, length));
        }

        using OrtValue input = OrtValue.CreateTensorValueFromMemory(tokens, [histories.Length, length]);
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(
            new RunOptions(), new Dictionary<string, OrtValue> { [OnnxUserTower.TokensInput] = input }, [OnnxUserTower.EmbeddingOutput]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], Tolerance);
        }
    }
}
