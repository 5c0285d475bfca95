using NanoRecSys.Core.Events;

namespace NanoRecSys.UnitTests.Core.Events;

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
