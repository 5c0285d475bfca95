using System.Net;
using HdrHistogram;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>What came back, counted; latencies in microseconds up to a minute, three digits exact.</summary>
internal sealed class Outcomes
{
    private static readonly long Highest = TimeSpan.FromMinutes(1).Ticks / TimeSpan.TicksPerMicrosecond;
    private readonly LongConcurrentHistogram _latencies = new(1, Highest, 3);
    private long _answered;
    private long _refused;
    private long _failed;
    private long _cached;

    public long Answered => Interlocked.Read(ref _answered);

    /// <summary>503: the service says that it is overloaded or not ready.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    public long Failed => Interlocked.Read(ref _failed);

    public long Cached => Interlocked.Read(ref _cached);

    public double PercentileMs(double percentile) => _latencies.TotalCount == 0 ? 0 : _latencies.GetValueAtPercentile(percentile) / 1000.0;

    public void Add(HttpStatusCode status, TimeSpan latency, bool cached)
    {
        switch (status)
        {
            case HttpStatusCode.OK:
                Interlocked.Increment(ref _answered);
                Interlocked.Add(ref _cached, cached ? 1 : 0);
                _latencies.RecordValue(Math.Clamp((long)latency.TotalMicroseconds, 1, Highest));
                break;
            case HttpStatusCode.ServiceUnavailable:
                Interlocked.Increment(ref _refused);
                break;
            default:
                Interlocked.Increment(ref _failed);
                break;
        }
    }

    public void AddFailure() => Interlocked.Increment(ref _failed);
}
