using System.ComponentModel.DataAnnotations;
using System.Diagnostics.Metrics;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace NanoRecSys.Api.Pipeline;

/// <summary>
/// Limits concurrent computations: further requests queue (FIFO), and are rejected immediately if the queue is full. This bounds the
/// latency of admitted requests at any load.
/// </summary>
internal sealed class ComputeLimiter : IDisposable
{
    private readonly OverloadOptions _options;
    private readonly TelemetryWindow _window;
    private readonly ConcurrencyLimiter _limiter;
    private readonly int _concurrency;
    private readonly Counter<long> _shed;
    private long _shedCount;

    public ComputeLimiter(IOptions<OverloadOptions> options, TelemetryWindow window, IMeterFactory meters)
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
        _shed = meter.CreateCounter<long>("nanorecsys.compute.shed", "{request}", "Requests rejected because the queue was full");
        meter.CreateObservableGauge("nanorecsys.compute.queue", () => Read().QueueDepth, "{request}", "Queued requests");
    }

    public bool Refuses => _options.Answer == OverloadAnswer.Refused; // whether rejected requests get a 503 instead of popular items

    /// <param name="timeline">Shows the wait as a stage, for recommendations.</param>
    /// <returns>A permit, to be disposed after the computation; null if the queue is full or the wait was too long.</returns>
    public async ValueTask<IDisposable?> EnterAsync(RequestTimeline? timeline = null)
    {
        RateLimitLease? permit = _limiter.AttemptAcquire();
        if (!permit.IsAcquired)
        {
            permit = timeline is null ? await WaitAsync() : await timeline.RunAsync(StageNames.Queue, WaitAsync);
        }

        if (permit is { IsAcquired: true })
        {
            return permit;
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

    // Null after the longest wait.
    private async ValueTask<RateLimitLease?> WaitAsync()
    {
        using var timeout = new CancellationTokenSource(_options.LongestWait);
        try
        {
            ValueTask<RateLimitLease> waiting = _limiter.AcquireAsync(1, timeout.Token);
            _window.ObserveQueue(Read().QueueDepth);
            return await waiting;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}

/// <summary>The response to a rejected request.</summary>
internal enum OverloadAnswer
{
    Degraded, // popular items not in the user's history, mode: degraded, so that a page has something to show
    Refused, // 503 with Retry-After, for clients that prefer a late personal list
}

internal sealed class OverloadOptions
{
    public const string Section = "Overload";

    /// <summary>Concurrent computations; 0 for the number of processors. More of them compete for the processors and delay each other.</summary>
    [Range(0, 1024)]
    public int Concurrency { get; set; }

    /// <summary>Length of the queue.</summary>
    [Range(0, 100_000)]
    public int QueueLimit { get; set; } = 64;

    /// <summary>Maximum time in the queue.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan LongestWait { get; set; } = TimeSpan.FromMilliseconds(150);

    public OverloadAnswer Answer { get; set; } = OverloadAnswer.Degraded; // the response to rejected requests
}

/// <summary>Look-ups that compute share the limit with recommendations, so that no kind of call can stall the service.</summary>
internal sealed class ComputeFilter(ComputeLimiter limiter) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        using IDisposable? permit = await limiter.EnterAsync();
        return permit is null ? Busy(context.HttpContext) : await next(context);
    }

    /// <summary>The response if the queue is full.</summary>
    public static JsonHttpResult<PlainError> Busy(HttpContext http)
    {
        http.Response.Headers.RetryAfter = "1";
        return TypedResults.Json(new PlainError("Too many requests are queued. Try again."), statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}
