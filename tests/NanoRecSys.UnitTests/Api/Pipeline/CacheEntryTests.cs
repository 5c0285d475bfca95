using System.Text;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Core.Serving;

namespace NanoRecSys.UnitTests.Api.Pipeline;

public sealed class CacheEntryTests
{
    private static readonly DateTimeOffset Created = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly byte[] Content = JsonSerializer.SerializeToUtf8Bytes(new CacheEntry.MovieContent
    {
        MovieIds = [3, 1],
        Scores = [0.5f, 0.25f],
        Explanations = [],
        Movies = [],
        Version = "0123456789ab",
    }, RecommendationJson.Default.MovieContent);

    [Fact]
    public void A_read_entry_equals_the_written_one_and_its_JSON_the_response()
    {
        CacheEntry read = CacheEntry.Read(CacheEntry.Write(Content, "3\n1"u8.ToArray(), "unknown_user", 4, Created).Bytes);

        Assert.Equal((4, "unknown_user", Created), (read.EventsStamp, read.FallbackReason, read.Created));
        Assert.Equal("3\n1", Encoding.UTF8.GetString(read.ItemIds.Span));
        Assert.Equal(
            """{"movie_ids":[3,1],"scores":[0.5,0.25],"explanations":[],"movies":[],"version":"0123456789ab"}""",
            Encoding.UTF8.GetString(read.Json.Span));
        Assert.Null(CacheEntry.Read(CacheEntry.Write(Content, "3\n1"u8.ToArray(), null, 4, Created).Bytes).FallbackReason);
    }

    [Fact]
    public void Truncated_and_foreign_entries_are_refused()
    {
        byte[] whole = CacheEntry.Write(Content, "3\n1"u8.ToArray(), null, 4, Created).Bytes;

        Assert.Throws<InvalidDataException>(() => CacheEntry.Read(whole[..^1]));
        Assert.Throws<InvalidDataException>(() => CacheEntry.Read([]));
        Assert.Throws<InvalidDataException>(() => CacheEntry.Read("{\"movie_ids\":[1,2,3,4,5,6,7,8,9]}"u8.ToArray()));
    }
}

public sealed class CacheKeyTests
{
    private static readonly RecommendationRequest Request = new() { UserId = 1, K = 10 };

    [Fact]
    public void Whatever_changes_the_answer_changes_the_key()
    {
        string[] keys =
        [
            CacheKey.Of(Request, "0123456789ab", 100),
            CacheKey.Of(Request, "ba9876543210", 100),
            CacheKey.Of(Request, "0123456789ab", 200),
            CacheKey.Of(Request with { UserId = 11 }, "0123456789ab", 100),
            CacheKey.Of(Request with { K = 1 }, "0123456789ab", 100),
            CacheKey.Of(Request with { Explain = true }, "0123456789ab", 100),
            CacheKey.Of(Request with { IncludeHistory = true }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, ItemIds = [1, 2] }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, ItemIds = [2, 1] }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, ItemIds = [12] }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, ItemIds = [1, 2], Times = [3, 4] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Diversity = 0.5 }, "0123456789ab", 100),
            CacheKey.Of(Request with { PopularityPenalty = 0.5 }, "0123456789ab", 100),
            CacheKey.Of(Request with { ShowsMovies = true }, "0123456789ab", 100),
            CacheKey.Of(Request with { Offset = 10 }, "0123456789ab", 100),
            CacheKey.Of(Request with { InView = EntityId.Of("a/b") }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, InView = EntityId.Of("a/b") }, "0123456789ab", 100),
            Filtered(new Condition("categories", "in", ["Drama"])),
            Filtered(new Condition("categories", "!=", ["Drama"])),
            Filtered(new Condition("year", ">=", [1990])),
            Filtered(new Condition("year", "<=", [1990])),
            Filtered(new Condition("brand", "=", ["1990"])),
            Filtered(new Condition("brand", "=", [1990])),
            CacheKey.Of(Request with { Filter = new ItemFilter([], [1], []) }, "0123456789ab", 100),
            CacheKey.Of(Request with { Filter = new ItemFilter([], [], [1]) }, "0123456789ab", 100),
            CacheKey.Of(Request with { Boosts = [new Boost(new Selection([new Condition("brand", "=", ["A"])], []), 2)] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Boosts = [new Boost(new Selection([new Condition("brand", "=", ["A"])], []), 3)] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Boosts = [new Boost(new Selection([], [1]), 2)] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Rules = new RulesInForce([], "a") }, "0123456789ab", 100),
            CacheKey.Of(Request with { Pins = [new PinRequest(1, 2)] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Pins = [new PinRequest(2, 1)] }, "0123456789ab", 100),
        ];

        Assert.Distinct(keys);
    }

    [Fact]
    public void The_same_request_has_the_same_key() => Assert.Equal(
        CacheKey.Of(Request with { UserId = null, ItemIds = [1, 2] }, "0123456789ab", 100),
        CacheKey.Of(new RecommendationRequest { ItemIds = [1, 2], K = 10 }, "0123456789ab", 100));

    [Fact]
    public void Order_and_letter_case_of_conditions_and_values_do_not_change_the_key() => Assert.Equal(
        Filtered(new Condition("Brand", "in", ["a", "B"]), new Condition("year", ">", [1990])),
        Filtered(new Condition("year", ">", [1990]), new Condition("brand", "in", ["b", "A", "a"])));

    private static string Filtered(params Condition[] where) => CacheKey.Of(Request with { Filter = new ItemFilter(where, [], []) }, "0123456789ab", 100);
}

public sealed class CacheMemoryTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void An_entry_is_found_with_its_stamp_until_it_expires()
    {
        CacheMemory memory = Create(bytes: 10_000);
        CacheEntry entry = Entry();
        memory.Keep("a", 7, entry);

        Assert.Same(entry, memory.Get("a", 7));
        Assert.Null(memory.Get("a", 8));
        Assert.Null(memory.Get("b", 7));

        _time.Advance(299);
        Assert.Same(entry, memory.Get("a", 7));
        _time.Advance(1);
        Assert.Null(memory.Get("a", 7));
    }

    [Fact]
    public void An_entry_made_from_events_is_trusted_for_a_second_and_again_once_it_was_confirmed()
    {
        CacheMemory memory = Create(bytes: 10_000);
        memory.Keep("a", 7, Entry(eventsStamp: 5));

        _time.Advance(0.9);
        Assert.NotNull(memory.Get("a", 7));
        _time.Advance(0.1);
        Assert.Null(memory.Get("a", 7));

        long bytes = memory.Bytes;
        memory.Keep("a", 7, CacheEntry.Read(Entry(eventsStamp: 5, created: -1).Bytes));
        Assert.NotNull(memory.Get("a", 7));
        Assert.Equal(bytes, memory.Bytes);
    }

    [Fact]
    public void It_never_exceeds_its_size_and_evicts_the_least_recently_used_first()
    {
        CacheMemory memory = Create(bytes: 2_000); // four or five entries
        memory.Keep("used", 1, Entry());
        for (int i = 0; i < 20; i++)
        {
            memory.Keep($"{i}", 1, Entry());
            Assert.NotNull(memory.Get("used", 1));
            Assert.InRange(memory.Bytes, 1, 2_000);
        }

        Assert.Null(memory.Get("0", 1));
        Assert.NotNull(memory.Get("19", 1));
    }

    [Fact]
    public void Replacing_an_entry_repeatedly_needs_no_more_memory()
    {
        CacheMemory memory = Create(bytes: 2_000);
        for (int stamp = 0; stamp < 100; stamp++)
        {
            memory.Keep("a", stamp, Entry());
            Assert.InRange(memory.Bytes, 1, 2_000);
        }

        Assert.NotNull(memory.Get("a", 99));
    }

    [Fact]
    public void With_a_size_of_zero_it_keeps_nothing()
    {
        CacheMemory memory = Create(bytes: 0);
        memory.Keep("a", 1, Entry());

        Assert.Null(memory.Get("a", 1));
        Assert.Equal(0, memory.Bytes);
    }

    private CacheMemory Create(long bytes) => new(Options.Create(new RecommendationOptions { MemoryBytes = bytes }), _time);

    private CacheEntry Entry(long eventsStamp = 0, double created = 0) => CacheEntry.Write(
        """{"movie_ids":[1],"scores":[0.5],"explanations":[],"movies":[],"version":"0123456789ab"}"""u8.ToArray(), "1"u8.ToArray(), fallbackReason: null, eventsStamp, _time.GetUtcNow().AddSeconds(created));
}
