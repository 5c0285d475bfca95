using System.ComponentModel.DataAnnotations;
using System.Diagnostics.Metrics;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Telemetry;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Recommendations;

/// <summary>
/// Where requests wait that the cache could not answer: so many are computed at once, so many wait, first come, first
/// served, and whoever comes then is turned away at once. So the latency of those let in stays bounded at any load.
/// </summary>
internal sealed class ComputeTurns : IDisposable
{
    private readonly OverloadOptions _options;
    private readonly TelemetryWindow _window;
    private readonly ConcurrencyLimiter _limiter;
    private readonly int _concurrency;
    private readonly Counter<long> _shed;
    private long _shedCount;

    public ComputeTurns(IOptions<OverloadOptions> options, TelemetryWindow window, IMeterFactory meters)
    {
        _options = options.Value;
        _window = window;
        _concurrency = _options.Concurrency > 0 ? _options.Concurrency : Environment.ProcessorCount;
        _limiter = new ConcurrencyLimiter(new ConcurrencyLimiterOptions
        {
            PermitLimit = _concurrency,
            QueueLimit = _options.QueueLimit,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        });
        Meter meter = meters.Create(RecommendationTelemetry.SourceName);
        _shed = meter.CreateCounter<long>("nanorecsys.compute.shed", "{recommendation}", "Recommendations that found the queue full");
        meter.CreateObservableGauge("nanorecsys.compute.queue", () => Read().QueueDepth, "{recommendation}", "Recommendations that wait to be computed");
    }

    /// <summary>Whether who is turned away gets a 503 and not popular movies.</summary>
    public bool Refuses => _options.Answer == OverloadAnswer.Refused;

    /// <returns>A turn, to be disposed when the computation is done; null where the queue is full, or the wait too long.</returns>
    public async ValueTask<IDisposable?> EnterAsync(RequestTimeline timeline)
    {
        RateLimitLease turn = _limiter.AttemptAcquire();
        if (!turn.IsAcquired)
        {
            turn = await timeline.RunAsync(StageNames.Queue, WaitAsync);
        }

        if (turn.IsAcquired)
        {
            return turn;
        }

        _shed.Add(1);
        Interlocked.Increment(ref _shedCount);
        return null;
    }

    public ComputeLoad Read()
    {
        RateLimiterStatistics now = _limiter.GetStatistics()!;
        return new ComputeLoad(
            _concurrency - (int)now.CurrentAvailablePermits, _concurrency, (int)now.CurrentQueuedCount, _options.QueueLimit, Interlocked.Read(ref _shedCount));
    }

    public void Dispose() => _limiter.Dispose();

    private async ValueTask<RateLimitLease> WaitAsync()
    {
        using var patience = new CancellationTokenSource(_options.LongestWait);
        try
        {
            ValueTask<RateLimitLease> waiting = _limiter.AcquireAsync(1, patience.Token);
            _window.ObserveQueue(Read().QueueDepth);
            return await waiting;
        }
        catch (OperationCanceledException)
        {
            return Late.Lease;
        }
    }

    /// <summary>What a request holds that waited too long.</summary>
    private sealed class Late : RateLimitLease
    {
        public static readonly Late Lease = new();

        public override bool IsAcquired => false;

        public override IEnumerable<string> MetadataNames => [];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = null;
            return false;
        }
    }
}

/// <summary>What a request gets that comes when the queue is full.</summary>
internal enum OverloadAnswer
{
    /// <summary>Popular movies the user has not seen, <c>mode: degraded</c>: a page has something to show.</summary>
    Degraded,

    /// <summary>503 with <c>Retry-After</c>: a client that prefers a late personal answer can ask again.</summary>
    Refused,
}

/// <summary>Section <c>Overload</c>: how much is computed at once, how much waits, and what the rest gets.</summary>
internal sealed class OverloadOptions
{
    public const string Section = "Overload";

    /// <summary>Answers computed at once; 0 takes the number of processors. More only share them, and all become later.</summary>
    [Range(0, 1024)]
    public int Concurrency { get; set; }

    /// <summary>Requests that wait for their turn.</summary>
    [Range(0, 100_000)]
    public int QueueLimit { get; set; } = 64;

    /// <summary>How long one waits at most, however short the queue is.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan LongestWait { get; set; } = TimeSpan.FromMilliseconds(150);

    /// <summary>What the others get.</summary>
    public OverloadAnswer Answer { get; set; } = OverloadAnswer.Degraded;
}
