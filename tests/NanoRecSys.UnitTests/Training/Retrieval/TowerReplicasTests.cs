using NanoRecSys.Training.Kernels;
using NanoRecSys.Training.Retrieval;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Retrieval;

[Collection(SeededTorch.Name)]
public sealed class TowerReplicasTests
{
    private static readonly ModelInfo Model =
        new(BlockKinds.Gated, 16, 2, 2, 32, 10, 30, 500, 0, "full-softmax", 0.1) { Positions = Positions.Relative };

    private static readonly DataSplit Split = new LeaveOneOut(new UserHistories(
        [1, 2, 3], [0, 11, 16, 24], [.. Enumerable.Range(0, 24).Select(i => i * 7 % 30)]));

    private static readonly SequenceWindow[] Windows = [new(0, 0, 9), new(1, 0, 3), new(2, 0, 6)];
    private static readonly FullSoftmaxLoss Loss = new(0.1);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_step_in_two_parts_has_the_gradients_of_the_whole(bool hasContent)
    {
        Assert.SkipUnless(NetworkOperations.Best.AllowsThreads, "This processor has no 512-bit vectors.");
        AssertSameStep(tower =>
        {
            using var replicas = new TowerReplicas(tower, count: 2);
            using SequenceBatch first = Batch(Windows.AsSpan(..1)), second = Batch(Windows.AsSpan(1..));
            return replicas.Backward([first, second], Loss);
        }, hasContent: hasContent);
    }

    [Fact]
    public void A_step_with_filler_sequences_has_the_same_gradients() => AssertSameStep(tower =>
    {
        using SequenceBatch batch = Batch(Windows, multiple: 40);
        return RetrieverTrainer.Backward(tower, batch, Loss);
    });

    [Fact]
    public void A_step_in_two_parts_of_unequal_weight_has_the_gradients_of_the_whole()
    {
        Assert.SkipUnless(NetworkOperations.Best.AllowsThreads, "This processor has no 512-bit vectors.");
        var weighted = new LeaveOneOut(new UserHistories(
            [1, 2, 3], [0, 11, 16, 24], [.. Enumerable.Range(0, 24).Select(i => i * 7 % 30)], weights: [.. Enumerable.Range(1, 24).Select(i => 1f / i)]));
        AssertSameStep(tower =>
        {
            using var replicas = new TowerReplicas(tower, count: 2);
            using SequenceBatch first = Batch(Windows.AsSpan(..1), split: weighted), second = Batch(Windows.AsSpan(1..), split: weighted);
            return replicas.Backward([first, second], Loss);
        }, weighted);
    }

    private static void AssertSameStep(Func<UserTower, double> step, DataSplit? split = null, bool hasContent = false)
    {
        manual_seed(2);
        Tensor? content = hasContent ? ItemContent.FeaturesOf(new Catalog([.. Enumerable.Range(0, Model.Items).Select(row => new CatalogItem(row, row, "", [$"c{row % 4}"], 1))]), CPU) : null;
        using var tower = new UserTower(Model, content: content);
        using SequenceBatch whole = Batch(Windows, split: split);
        double expected = RetrieverTrainer.Backward(tower, whole, Loss);
        float[][] gradients = [.. tower.parameters().Select(Values)];
        tower.zero_grad();

        double actual = step(tower);

        Assert.Equal(expected, actual, 1e-5);
        Assert.All(gradients.Zip(tower.parameters().Select(Values)), pair =>
            Assert.All(pair.First.Zip(pair.Second), values => Assert.Equal(values.First, values.Second, 2e-5f)));
    }

    private static SequenceBatch Batch(ReadOnlySpan<SequenceWindow> windows, int multiple = 1, DataSplit? split = null) =>
        SequenceBatch.Create(windows, split ?? Split, hasTimes: false, CPU, multiple: multiple);

    private static float[] Values(Parameter parameter) => [.. parameter.grad!.contiguous().data<float>()];
}
