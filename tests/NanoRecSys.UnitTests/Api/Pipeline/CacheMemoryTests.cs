using Microsoft.Extensions.Options;
using NanoRecSys.Api.Pipeline;

namespace NanoRecSys.UnitTests.Api.Pipeline;

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
