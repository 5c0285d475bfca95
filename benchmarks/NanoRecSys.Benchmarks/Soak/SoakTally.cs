using System.Collections.Concurrent;
using HdrHistogram;

namespace NanoRecSys.Benchmarks.Soak;

/// <summary>What came back, counted; everything that must not happen is kept with its first words.</summary>
internal sealed class SoakTally
{
    private const int KeptViolations = 20;
    private static readonly long Highest = TimeSpan.FromMinutes(1).Ticks / TimeSpan.TicksPerMicrosecond;

    private readonly LongConcurrentHistogram _latencies = new(1, Highest, 3);
    private readonly ConcurrentDictionary<string, long> _counts = new();
    private readonly ConcurrentQueue<string> _violations = [];
    private long _violationCount;

    public long Requests => _latencies.TotalCount;

    public long Violations => Interlocked.Read(ref _violationCount);

    public IEnumerable<string> FirstViolations => _violations;

    /// <summary>By kind of request and status.</summary>
    public IEnumerable<KeyValuePair<string, long>> Counts => _counts.OrderBy(count => count.Key, StringComparer.Ordinal);

    public double PercentileMs(double percentile) => Requests == 0 ? 0 : _latencies.GetValueAtPercentile(percentile) / 1000.0;

    public void Answered(string kind, int status, TimeSpan latency)
    {
        _counts.AddOrUpdate($"{kind} {status}", 1, (_, count) => count + 1);
        _latencies.RecordValue(Math.Clamp((long)latency.TotalMicroseconds, 1, Highest));
    }

    public void Violation(string what)
    {
        if (Interlocked.Increment(ref _violationCount) <= KeptViolations)
        {
            _violations.Enqueue(what.Length > 300 ? what[..300] : what);
        }
    }
}
