using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Models.Attention;
using NanoRecSys.Training.Retrieval;
using NanoRecSys.UnitTests.Fixtures;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Retrieval;

[Collection(SeededTorch.Name)]
public sealed class TowerReplicasTests
{
    private static readonly ModelInfo Model =
        new(BlockKinds.Hstu, 16, 2, 2, 0, 10, 30, 500, 0, "full-softmax", 0.1) { Positions = Positions.Relative };

    public TowerReplicasTests() => LibTorch.Load();

    [Fact]
    public void A_step_in_two_parts_has_the_gradients_of_the_whole()
    {
        Assert.SkipUnless(PackedAttention.HasKernel(CPU), "This processor has no 512-bit vectors.");
        int[] items = [.. Enumerable.Range(0, 24).Select(i => i * 7 % 30)];
        var split = new LeaveOneOut(new UserHistories([1, 2, 3], [0, 11, 16, 24], items));
        SequenceWindow[] windows = [new(0, 0, 9), new(1, 0, 3), new(2, 0, 6)];
        var loss = new FullSoftmaxLoss(new LossTemperature(0.1));
        manual_seed(2);
        using var tower = new UserTower(Model);
        using SequenceBatch whole = Batch(windows);
        double expected = RetrieverTrainer.Backward(tower, whole, loss);
        float[][] gradients = [.. tower.parameters().Select(Values)];
        tower.zero_grad();

        using var replicas = new TowerReplicas(tower, count: 2);
        using SequenceBatch first = Batch(windows.AsSpan(..1)), second = Batch(windows.AsSpan(1..));
        double actual = replicas.Backward([first, second], loss);

        Assert.Equal(expected, actual, 1e-5);
        Assert.All(gradients.Zip(tower.parameters().Select(Values)), pair =>
            Assert.All(pair.First.Zip(pair.Second), values => Assert.Equal(values.First, values.Second, 2e-5f)));

        SequenceBatch Batch(ReadOnlySpan<SequenceWindow> part) => SequenceBatch.Create(part, split, hasTimes: false, CPU);
    }

    private static float[] Values(Parameter parameter) => [.. parameter.grad!.contiguous().data<float>()];
}
