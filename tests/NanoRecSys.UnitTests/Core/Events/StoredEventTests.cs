using System.Text;
using NanoRecSys.Core.Events;

namespace NanoRecSys.UnitTests.Core.Events;

public sealed class StoredEventTests
{
    private static readonly UserEvent Rated = new(260, 1_767_225_600, EventTypes.Rate, 4.5f, 1_767_225_600_123_456);

    [Fact]
    public void An_event_is_a_small_object_that_other_programs_can_read() => Assert.Equal(
        """{"movie_id":260,"timestamp":1767225600,"type":"rate","rating":4.5,"received":1767225600123456}""",
        Encoding.UTF8.GetString(Rated.Write()));

    [Fact]
    public void What_was_written_is_read() => Assert.Equal(Rated, UserEvent.Read(Rated.Write()));

    [Fact]
    public void Fields_of_a_later_release_are_ignored() => Assert.Equal(
        Rated with { Rating = null, Received = 1 },
        UserEvent.Read("""{"movie_id":260,"timestamp":1767225600,"type":"rate","received":1,"device":"tv"}"""u8));

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("""{"movie_id":"x"}""")]
    [InlineData("{}")]
    [InlineData("""{"movie_id":1,"timestamp":1,"received":1}""")]
    [InlineData("""{"movie_id":1,"timestamp":1,"type":null,"received":1}""")]
    public void An_invalid_event_is_reported_as_such(string stored) =>
        Assert.Throws<InvalidDataException>(() => UserEvent.Read(Encoding.UTF8.GetBytes(stored)));

    [Fact]
    public void An_event_whose_time_the_server_chose_matches_its_repetition_at_any_time()
    {
        UserEvent later = Rated with { Timestamp = Rated.Timestamp + 60, Received = Rated.Received + 60_000_000 };

        Assert.True(Rated.Matches(later, isTimed: false));
        Assert.False(Rated.Matches(later, isTimed: true));
        Assert.False(Rated.Matches(later with { ItemId = 261 }, isTimed: false));
    }

    [Fact]
    public void Events_of_one_second_are_in_order_of_arrival()
    {
        UserEvent[] events = [Rated with { Received = 3 }, Rated with { Received = 2 }, Rated with { Timestamp = 5, Received = 9 }];

        Array.Sort(events, UserEvent.CompareByTime);

        Assert.Equal([9, 2, 3], events.Select(happened => happened.Received));
    }
}

public sealed class EventArchiveTests : FolderTests
{
    private static readonly DateTimeOffset Monday = new(2026, 3, 2, 10, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Files_of_a_past_day_are_merged_without_losing_or_duplicating_events()
    {
        EventArchive archive = await FilledAsync();

        await archive.JoinAsync(Monday.AddDays(1));

        Assert.Equal(["2026-03-02 1", "2026-03-03 2"], Directory.EnumerateDirectories(archive.Folder).Order().Select(day =>
            $"{Path.GetFileName(day)} {Directory.GetFiles(day, "*.parquet").Length}"));
        Assert.Equal(["a 1", "a 2", "b 1", "b 2", "c 1"], await KeysAsync(archive));
        Assert.Equal(5, await archive.CountAsync());
        Assert.Equal(2, await archive.RemoveAsync(EntityId.Of("a")));
        Assert.Equal(["b 1", "b 2", "c 1"], await KeysAsync(archive));
    }

    [Fact]
    public async Task A_reader_that_started_before_the_merge_misses_nothing()
    {
        EventArchive archive = await FilledAsync();
        var read = new HashSet<string>();

        await foreach (ArchivedEvent archived in archive.ReadAsync())
        {
            read.Add(Name(archived));
            await archive.JoinAsync(Monday.AddDays(1));
        }

        Assert.Equal(["a 1", "a 2", "b 1", "b 2", "c 1"], read.Order(StringComparer.Ordinal));
    }

    // Three files of Monday, the last of which repeats an event as after a crash, and two of Tuesday.
    private async Task<EventArchive> FilledAsync()
    {
        var archive = new EventArchive(Folder.Path);
        await archive.WriteAsync([Event("a", "1"), Event("b", "1")], Monday);
        await archive.WriteAsync([Event("a", "2")], Monday.AddMinutes(1));
        await archive.WriteAsync([Event("b", "1")], Monday.AddMinutes(2));
        await archive.WriteAsync([Event("b", "2")], Monday.AddDays(1));
        await archive.WriteAsync([Event("c", "1")], Monday.AddDays(1).AddMinutes(1));
        return archive;
    }

    private static async Task<string[]> KeysAsync(EventArchive archive) => [.. (await archive.ReadAsync().ToListAsync()).Select(Name).Order(StringComparer.Ordinal)];

    private static string Name(ArchivedEvent archived) => $"{archived.User} {archived.Field}";

    private static ArchivedEvent Event(string user, string key) => new(EntityId.Of(user), key, new UserEvent(EntityId.Of("item"), 1000, EventTypes.Watch, Rating: null, Received: 1000));
}
