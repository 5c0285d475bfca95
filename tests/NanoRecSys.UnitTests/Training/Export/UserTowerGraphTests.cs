using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Onnx;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Export;

public sealed class UserTowerGraphTests : FolderTests
{
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
        Assert.Equal(bare, padded[model.Dimension..(2 * model.Dimension)], (a, b) => MathF.Abs(a - b) <= 1e-5f);
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
}

/// <summary>For every kind of tower, the exported graph answers as the trained network, for single histories and in a padded batch.</summary>
[Collection(SeededTorch.Name)]
public sealed class TowerKindsTests : FolderTests
{
    private const int MaxLength = 9;

    private static readonly int[][] Histories = [[3, 1, 4, 1, 5, 9, 2, 6, 5], [7], [8, 2, 8, 1]];
    private static readonly long[][] Times = [[0, 5, 5, 90, 4000, 4001, 90_000, 90_000, 2_000_000], [77], [10, 20, 30, 1_000_000_000]];
    private static readonly long[] Now = [2_000_060, 78, 1_000_000_000];

    public static TheoryData<string, string, bool> Kinds => new(
        from kind in BlockKinds.All
        from positions in Positions.All
        from hasTimes in new[] { false, true }
        where positions == Positions.Relative || !hasTimes
        select (kind, positions, hasTimes));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_graph_answers_as_the_network(string kind, string positions, bool hasTimes)
    {
        using UserTower tower = RandomTower(kind, positions, hasTimes);
        string path = Path.Combine(Folder.Path, "tower.onnx");
        UserTowerGraph.Write(path, tower.Model, NetworkWeights.Of(tower).ToDictionary(weight => weight.Name));
        using var session = OnnxSession.Open(path);

        float[] trained = Train(tower, hasTimes);

        float[] together = Run(session, [0, 1, 2], MaxLength, hasTimes);
        float[] alone = [.. Enumerable.Range(0, 3).SelectMany(b => Run(session, [b], Histories[b].Length, hasTimes))];
        Assert.All(trained.Zip(together), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.All(trained.Zip(alone), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_8_bit_graph_is_close_to_the_network_for_single_histories(string kind, string positions, bool hasTimes)
    {
        using UserTower tower = RandomTower(kind, positions, hasTimes, width: 32);
        string path = Path.Combine(Folder.Path, "tower.int8.onnx");
        UserTowerGraph.Write(path, tower.Model, NetworkWeights.Of(tower).ToDictionary(weight => weight.Name), isInt8: true);
        using var session = OnnxSession.Open(path);

        float[] trained = Train(tower, hasTimes);

        float[] alone = [.. Enumerable.Range(0, 3).SelectMany(b => Run(session, [b], Histories[b].Length, hasTimes))];
        foreach ((float[] expected, float[] actual) in trained.Chunk(32).Zip(alone.Chunk(32)))
        {
            Assert.InRange(expected.Zip(actual, (a, b) => (double)a * b).Sum(), 0.995, 0.9999999);
        }
    }

    // Every parameter is random, including those that start at zero or one, so that a graph that omits one fails.
    private static UserTower RandomTower(string kind, string positions, bool hasTimes, int width = 16)
    {
        manual_seed(11);
        var model = new ModelInfo(kind, width, 2, 2, 24, MaxLength, 12, 500, 0.3, "full-softmax", 0.05) { Positions = positions, TimeBias = hasTimes };
        var tower = new UserTower(model, embeddingStd: 1);
        using var noGradient = no_grad();
        foreach (Parameter parameter in tower.parameters())
        {
            parameter.add_(randn_like(parameter) * 0.3);
        }

        tower.eval();
        return tower;
    }

    private static float[] Train(UserTower tower, bool hasTimes)
    {
        using var noGradient = no_grad();
        int[] offsets = [0, 9, 10, 14];
        long[] predictionTimes = [.. Histories.SelectMany((history, b) => Times[b][1..].Append(Now[b]))];
        TimeBuckets? buckets = hasTimes ? new TimeBuckets(offsets, Times.SelectMany(times => times).ToArray(), predictionTimes) : null;
        using var pack = new SequencePack([.. Histories.SelectMany(history => history)], offsets, CPU, buckets);
        using Tensor users = tower.forward(pack);
        return [.. users.data<float>()];
    }

    private static float[] Run(InferenceSession session, int[] users, int length, bool hasTimes)
    {
        var tokens = new long[users.Length * length];
        var times = new long[users.Length * length];
        for (int row = 0; row < users.Length; row++)
        {
            SequenceBuilder.Fill(Histories[users[row]], tokens.AsSpan(row * length, length));
            Times[users[row]].CopyTo(times.AsSpan((row * length) + length - Times[users[row]].Length));
        }

        using OrtValue tokensInput = OrtValue.CreateTensorValueFromMemory(tokens, [users.Length, length]);
        using OrtValue timesInput = OrtValue.CreateTensorValueFromMemory(times, [users.Length, length]);
        using OrtValue nowInput = OrtValue.CreateTensorValueFromMemory(users.Select(b => Now[b]).ToArray(), [users.Length]);
        string[] names = hasTimes ? ["tokens", "times", "now"] : ["tokens"];
        OrtValue[] inputs = hasTimes ? [tokensInput, timesInput, nowInput] : [tokensInput];
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, names, inputs, ["user_embedding"]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
