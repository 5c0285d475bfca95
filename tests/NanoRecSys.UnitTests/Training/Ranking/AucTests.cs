using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Ranking;

public sealed class AucTests
{
    [Fact]
    public void It_counts_the_pairs_in_the_right_order() =>
        // Positives 0.9 and 0.4 against negatives 0.5 and 0.1: three of four pairs are in order.
        Assert.Equal(0.75, Auc.Of([0.5f, 0.9f, 0.1f, 0.4f], [false, true, false, true]), 1e-9);

    [Fact]
    public void A_tie_counts_half() => Assert.Equal(0.5, Auc.Of([1, 1, 1], [true, false, false]), 1e-9);

    [Fact]
    public void NaN_scores_terminate() => Assert.InRange(Auc.Of([float.NaN, 1, float.NaN], [true, false, false]), 0, 1);

    [Fact]
    public void Without_both_classes_it_is_undefined() => Assert.Equal(0.5, Auc.Of([1, 2], [true, true]));
}
