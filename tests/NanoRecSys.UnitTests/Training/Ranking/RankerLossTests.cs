using NanoRecSys.Training.Ranking;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Ranking;

[Collection(SeededTorch.Name)]
public sealed class RankerLossTests
{
    // With s the sigmoid, the means of -log s(1), -log s(0), -log s(1), -log s(2), -log s(-1); and of
    // -log(e / (e + 1 + 1/e)) and -log(e^2 / (e^2 + e)).
    [Theory]
    [InlineData(RankerLossKind.Bce, 0.55197)]
    [InlineData(RankerLossKind.Listwise, 0.36043)]
    public void A_shorter_list_counts_by_its_candidates(RankerLossKind kind, double expected) =>
        Assert.Equal(expected, Loss(kind, 1, 0, -1, 2, 1, 99), 1e-4); // 99 is padding after the end of the second list

    // -log s(1), -log s(0), -log s(1) weigh 3, -log s(2), -log s(-1) weigh 1; the two lists weigh 3 and 1.
    [Theory]
    [InlineData(RankerLossKind.Bce, (3 * (0.31326 + 0.69315 + 0.31326) + 0.12693 + 1.31326) / 11)]
    [InlineData(RankerLossKind.Listwise, (3 * 0.40761 + 0.31326) / 4)]
    public void A_heavier_position_counts_for_more(RankerLossKind kind, double expected)
    {
        using var scope = NewDisposeScope();
        Tensor logits = tensor(new float[] { 1, 0, -1, 2, 1, 99 }, [2, 3]), mask = tensor(new[] { true, true, true, true, true, false }, [2, 3]);

        Assert.Equal(expected, RankerLoss.Of(kind, logits, mask, tensor(new float[] { 3, 1 })).item<float>(), 1e-4);
        Assert.Equal(RankerLoss.Of(kind, logits, mask).item<float>(), RankerLoss.Of(kind, logits, mask, ones(2)).item<float>(), 1e-7f);
    }

    private static double Loss(RankerLossKind kind, params float[] logits)
    {
        using var scope = NewDisposeScope();
        return RankerLoss.Of(kind, tensor(logits, [2, 3]), tensor(new[] { true, true, true, true, true, false }, [2, 3])).item<float>();
    }
}
