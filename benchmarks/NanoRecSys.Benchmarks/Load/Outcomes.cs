using HdrHistogram;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>What came back, counted; latencies in microseconds up to a minute.</summary>
/// <param name="duration">Of the run: latencies are kept by its seconds, too.</param>
internal sealed class Outcomes(TimeSpan duration)
{
    private const int Digits = 3; // exact
    private const int DigitsOfASecond = 2;
    private const int Statuses = 600;
    private static readonly long Highest = TimeSpan.FromMinutes(1).Ticks / TimeSpan.TicksPerMicrosecond;

    private readonly LongConcurrentHistogram _live = new(1, Highest, Digits);
    private readonly LongConcurrentHistogram _degraded = new(1, Highest, Digits);
    private readonly LongConcurrentHistogram[] _bySecond =
        [.. Enumerable.Range(0, (int)Math.Ceiling(duration.TotalSeconds)).Select(_ => new LongConcurrentHistogram(1, Highest, DigitsOfASecond))];

    private readonly long[] _statuses = new long[Statuses];
    private long _failed;
    private long _cached;
    private long _unsent;

    /// <summary>Personal answers, with 200.</summary>
    public long Live => _live.TotalCount;

    /// <summary>Popular movies, with 200: what an overloaded service may answer.</summary>
    public long Degraded => _degraded.TotalCount;

    public long Answered => Live + Degraded;

    public long Cached => Interlocked.Read(ref _cached);

    /// <summary>503: the service says that it is overloaded or not ready.</summary>
    public long Refused => Interlocked.Read(ref _statuses[503]);

    /// <summary>Broken connections, and every status that is neither 200 nor 503.</summary>
    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>Scheduled, and never sent: all connections were waiting until the end.</summary>
    public long Unsent => Interlocked.Read(ref _unsent);

    public IReadOnlyDictionary<int, long> ByStatus => Enumerable.Range(0, Statuses)
        .Where(status => _statuses[status] > 0)
        .ToDictionary(status => status, status => Interlocked.Read(ref _statuses[status]));

    /// <param name="reply">What came.</param>
    /// <param name="latency">Since it was scheduled.</param>
    /// <param name="at">When it was scheduled, since the run began.</param>
    public void Add(Reply reply, TimeSpan latency, TimeSpan at)
    {
        Interlocked.Increment(ref _statuses[Math.Min(reply.Status, Statuses - 1)]);
        if (reply.Status == 200)
        {
            long microseconds = Math.Clamp((long)latency.TotalMicroseconds, 1, Highest);
            (reply.Degraded ? _degraded : _live).RecordValue(microseconds);
            _bySecond[Math.Clamp((int)at.TotalSeconds, 0, _bySecond.Length - 1)].RecordValue(microseconds);
            Interlocked.Add(ref _cached, reply.Cached ? 1 : 0);
        }
        else if (reply.Status != 503)
        {
            AddFailure();
        }
    }

    public void AddFailure() => Interlocked.Increment(ref _failed);

    public void AddUnsent() => Interlocked.Increment(ref _unsent);

    /// <returns>Of the personal answers; 0 where there are none.</returns>
    public double PercentileMs(double percentile) => Percentile(_live, percentile);

    public double DegradedPercentileMs(double percentile) => Percentile(_degraded, percentile);

    public double MaxMs => Live == 0 ? 0 : _live.GetMaxValue() / 1000.0;

    /// <summary>For each second of the run: answers, and the given percentile of their latency.</summary>
    public double[] BySecondMs(double percentile) => [.. _bySecond.Select(second => Percentile(second, percentile))];

    public long[] AnsweredBySecond() => [.. _bySecond.Select(second => second.TotalCount)];

    private static double Percentile(LongConcurrentHistogram latencies, double percentile) =>
        latencies.TotalCount == 0 ? 0 : latencies.GetValueAtPercentile(percentile) / 1000.0;
}
