using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace NanoRecSys.Api.Telemetry;

/// <summary>Counts by name, from any number of threads. The names are the program's own, so there are few.</summary>
internal sealed class Tally
{
    private readonly ConcurrentDictionary<string, StrongBox<long>> _counts = new(StringComparer.Ordinal);

    public void Add(string name, long count = 1) => Interlocked.Add(ref _counts.GetOrAdd(name, _ => new StrongBox<long>()).Value, count);

    public void Add(IReadOnlyDictionary<string, long> counts)
    {
        foreach ((string name, long count) in counts)
        {
            Add(name, count);
        }
    }

    public IReadOnlyDictionary<string, long> Read() => _counts.ToDictionary(entry => entry.Key, entry => Interlocked.Read(ref entry.Value.Value));
}
