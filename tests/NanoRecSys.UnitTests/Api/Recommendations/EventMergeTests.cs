using NanoRecSys.Api.Recommendations;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Events;

namespace NanoRecSys.UnitTests.Api.Recommendations;

public sealed class EventMergeTests
{
    private static readonly Catalog Catalog = new([.. Enumerable.Range(0, 6).Select(row => new CatalogItem(row, 100 + row, $"Movie {row}", null, [], 1))]);

    [Fact]
    public void Events_stand_where_their_time_puts_them()
    {
        History history = EventMerge.Merge(Catalog, [0, 1], [10, 20], [Watch(105, 5), Watch(104, 10), Watch(103, 15), Watch(102, 25)]);

        Assert.Equal([5, 0, 4, 3, 1, 2], history.Rows);
        Assert.Equal([5, 10, 10, 15, 20, 25], history.Times.ToArray());
        Assert.Equal(4, history.Events);
    }

    [Fact]
    public void An_event_that_the_published_history_holds_is_not_counted_twice()
    {
        History history = EventMerge.Merge(Catalog, [0, 1], [10, 20], [Watch(100, 10), Watch(100, 30)]);

        Assert.Equal([0, 1, 0], history.Rows);
    }

    [Fact]
    public void Without_times_events_come_last_and_a_movie_that_is_there_is_the_same()
    {
        History history = EventMerge.Merge(Catalog, [0, 1], [], [Watch(101, 5), Watch(102, 6)]);

        Assert.Equal([0, 1, 2], history.Rows);
        Assert.True(history.Times.IsEmpty);
    }

    [Fact]
    public void Of_a_new_user_the_events_are_the_history()
    {
        History history = EventMerge.Merge(Catalog, [], [], [Watch(101, 5), Watch(102, 6)]);

        Assert.Equal([1, 2], history.Rows);
        Assert.Equal([5, 6], history.Times.ToArray());
    }

    [Fact]
    public void What_the_catalog_lacks_and_what_was_disliked_is_not_read()
    {
        History history = EventMerge.Merge(Catalog, [0], [10], [Watch(999, 11), Watch(102, 12) with { Type = EventTypes.Dislike }]);

        Assert.Equal([0], history.Rows);
        Assert.Equal([2], history.Disliked);
        Assert.Equal(2, history.Events);
    }

    private static UserEvent Watch(int movie, long time) => new(movie, time, EventTypes.Watch, null, 0);
}
