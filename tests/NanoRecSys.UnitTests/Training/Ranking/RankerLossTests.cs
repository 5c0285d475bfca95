using NanoRecSys.Training.Models;
using NanoRecSys.Training.Ranking;
using NanoRecSys.UnitTests.Fixtures;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Ranking;

[Collection(SeededTorch.Name)]
public sealed class RankerLossTests
{
    public RankerLossTests() => LibTorch.Load();

    // By hand, with s the sigmoid: the means of -log s(1), -log s(0), -log s(1), -log s(2), -log s(-1); and of
    // -log(e / (e + 1 + 1/e)) and -log(e^2 / (e^2 + e)).
    [Theory]
    [InlineData(RankerLossKind.Bce, 0.55197)]
    [InlineData(RankerLossKind.Listwise, 0.36043)]
    public void A_shorter_list_counts_for_what_it_has(RankerLossKind kind, double expected) =>
        Assert.Equal(expected, Loss(kind, 1, 0, -1, 2, 1, 99), 1e-4); // 99 stands where the second list has ended

    private static double Loss(RankerLossKind kind, params float[] logits)
    {
        using var scope = NewDisposeScope();
        return RankerLoss.Of(kind, tensor(logits, [2, 3]), tensor(new[] { true, true, true, true, true, false }, [2, 3])).item<float>();
    }
}
