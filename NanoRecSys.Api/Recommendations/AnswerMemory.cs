using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace NanoRecSys.Api.Recommendations;

/// <summary>
/// The answers that this process sent lately, in front of Redis and bounded in bytes. Each carries the stamp of what was
/// known of its user's events (<see cref="Events.EventNotices"/>); with another stamp it is out of date.
/// </summary>
public sealed class AnswerMemory(IOptions<RecommendationOptions> options, TimeProvider time)
{
    private const int EntryBytes = 250; // objects, dictionary and queue around an answer, roughly

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Queue<Entry> _order = new();
    private readonly Lock _writing = new();
    private long _bytes;

    /// <summary>What is held, including what was replaced and waits to be let go.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <returns>Null where there is none, or its stamp or lifetime is over.</returns>
    public StoredAnswer? Get(string key, long stamp)
    {
        if (!_entries.TryGetValue(key, out Entry? entry) || entry.Stamp != stamp || entry.Until <= time.GetUtcNow())
        {
            return null;
        }

        entry.IsUsed = true;
        return entry.Answer;
    }

    /// <param name="key">See <see cref="CacheKey"/>.</param>
    /// <param name="stamp">Taken before the user's events were read.</param>
    /// <param name="answer">Made of those.</param>
    public void Keep(string key, long stamp, StoredAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(answer);
        int bytes = 2 * key.Length + answer.Bytes.Length + EntryBytes;
        if (bytes > options.Value.MemoryBytes)
        {
            return;
        }

        var entry = new Entry(key, stamp, answer, bytes, answer.Made + options.Value.CacheLifetime);
        lock (_writing)
        {
            _entries[key] = entry;
            _order.Enqueue(entry);
            _bytes += bytes;
            while (_bytes > options.Value.MemoryBytes)
            {
                LetOneGo();
            }
        }
    }

    // Second chance (CLOCK): the oldest goes, unless it was used since it was looked at last.
    private void LetOneGo()
    {
        Entry oldest = _order.Dequeue();
        bool isCurrent = _entries.TryGetValue(oldest.Key, out Entry? current) && ReferenceEquals(current, oldest);
        if (isCurrent && oldest.IsUsed)
        {
            oldest.IsUsed = false;
            _order.Enqueue(oldest);
            return;
        }

        _bytes -= oldest.Bytes;
        if (isCurrent)
        {
            _entries.TryRemove(oldest.Key, out _);
        }
    }

    private sealed record Entry(string Key, long Stamp, StoredAnswer Answer, int Bytes, DateTimeOffset Until)
    {
        public bool IsUsed { get; set; }
    }
}
