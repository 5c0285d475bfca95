using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class BeyondAccuracyTests
{
    private static readonly int[] Counts = [8, 4, 2, 0];

    [Fact]
    public void Figures_of_lists_are_those_computed_by_hand()
    {
        Catalog catalog = CatalogOf(["Comedy"], ["Comedy", "Drama"], ["Drama"], []);

        // The lists of two users: items 0 and 1; items 0 and 2.
        ListQuality quality = BeyondAccuracy.Of([.. List(0, 1), .. List(0, 2)], catalog, Counts, users: 8);

        Assert.Equal(3 / 4.0, quality.Coverage); // item 3 is in no list
        Assert.Equal((0 + 1 + 0 + 2) / 4.0, quality.Novelty, 9); // -log2 of 8/8, 4/8, 8/8 and 2/8
        Assert.Equal((0.5 + 1) / 2, quality.Diversity!.Value, 9); // half of the categories of 0 and 1 are shared, none of 0 and 2
        Assert.Equal(2 / 4.0, quality.PopularShare); // item 0: the top 1% of four items is at least one item
    }

    [Fact]
    public void Diversity_is_unknown_where_no_item_has_categories() =>
        Assert.Null(BeyondAccuracy.Of(List(0, 1), CatalogOf([], [], [], []), Counts, users: 8).Diversity);

    [Fact]
    public void Users_are_divided_by_history_and_by_the_popularity_of_the_target()
    {
        var users = new RankedUsers([0, 1, 2], Targets: [0, 2, 2], HistoryLengths: [5, 6, 101], Ranks: [[1, 3, 11]], Repeats: 0);

        IReadOnlyList<MetricSlice> slices = BeyondAccuracy.Slices(users, users.Ranks[0], Counts);

        Assert.Equal(
            [
                new("history", "1-5", 1, 1, 1), new("history", "6-20", 1, 1, 0.5), new("history", "101 or more", 1, 0, 0),
                new("item popularity", "top 1%", 1, 1, 1), new("item popularity", "rest", 2, 0.5, 0.25),
            ], slices);
    }

    private static Candidate[] List(params int[] rows) => [.. rows.Concat(Enumerable.Repeat(-1, BeyondAccuracy.K - rows.Length)).Select(row => new Candidate(row, 0))];

    private static Catalog CatalogOf(params string[][] categories) =>
        new([.. categories.Select((own, row) => new CatalogItem(row, 100 + row, $"Item {row}", own, Counts[row]))]);
}
