using NanoRecSys.Core.Serving;

namespace NanoRecSys.UnitTests.Core.Serving;

public sealed class HistoryReaderTests
{
    [Fact]
    public void Events_are_merged_by_time()
    {
        History history = HistoryReader.Merge([0, 1], [10, 20], [Read(5, 5), Read(4, 10), Read(3, 15), Read(2, 25)]);

        Assert.Equal([5, 0, 4, 3, 1, 2], history.Rows);
        Assert.Equal([5, 10, 10, 15, 20, 25], history.Times.ToArray());
    }

    [Fact]
    public void An_event_of_the_published_history_is_not_counted_twice()
    {
        History history = HistoryReader.Merge([0, 1], [10, 20], [Read(0, 10), Read(0, 30)]);

        Assert.Equal([0, 1, 0], history.Rows);
    }

    [Fact]
    public void Without_times_events_come_last_and_known_items_are_not_repeated()
    {
        History history = HistoryReader.Merge([0, 1], [], [Read(1, 5), Read(2, 6)]);

        Assert.Equal([0, 1, 2], history.Rows);
        Assert.True(history.Times.IsEmpty);
    }

    [Fact]
    public void A_new_users_history_consists_of_events()
    {
        History history = HistoryReader.Merge([], [], [Read(1, 5), Read(2, 6)]);

        Assert.Equal([1, 2], history.Rows);
        Assert.Equal([5, 6], history.Times.ToArray());
    }

    [Fact]
    public void An_item_that_is_not_read_is_only_excluded()
    {
        History history = HistoryReader.Merge([0], [10], [Read(2, 12) with { IsRead = false }]);

        Assert.Equal([0], history.Rows);
        Assert.Equal([2], history.Excluded);
    }

    private static LiveItem Read(int row, long time) => new(row, time, IsRead: true);
}

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
