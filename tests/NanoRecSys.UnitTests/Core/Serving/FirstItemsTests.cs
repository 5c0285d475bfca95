using NanoRecSys.Core.Serving;

namespace NanoRecSys.UnitTests.Core.Serving;

public sealed class FirstItemsTests
{
    [Fact]
    public void Only_the_first_ten_of_each_person_count_and_a_movie_seen_twice_counts_once()
    {
        int[] eleven = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        var histories = new UserHistories([1, 2, 3], [0, 11, 14, 14], [.. eleven, 2, 2, 11]);

        FirstItems first = FirstItems.Of(histories, byPopularity: [10, 11, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);

        Assert.Equal([2, 11, 9, 8, 7, 6, 5, 4, 3, 1, 0, 10], first.ByWeight);
        Assert.Equal((2, 1, 0), (first.CountOf(2), first.CountOf(11), first.CountOf(10)));
        Assert.Equal(2, first.Most);
    }

    [Fact]
    public void Heavier_items_come_first()
    {
        // Two users viewed item 0, with a weight of 0.2 each; one bought item 1.
        FirstItems first = FirstItems.Of(new UserHistories([1, 2, 3], [0, 1, 2, 3], [0, 0, 1], weights: [0.2f, 0.2f, 1]), byPopularity: [0, 1]);

        Assert.Equal([1, 0], first.ByWeight);
        Assert.Equal((2, 0.4f, 1.0), (first.CountOf(0), (float)first.WeightOf(0), first.Most));
    }

    [Fact]
    public void An_item_added_after_training_has_no_first_interactions()
    {
        FirstItems first = FirstItems.Of(new UserHistories([1], [0, 1], [0]), byPopularity: [0]);

        Assert.Equal(0, first.CountOf(5));
    }
}
