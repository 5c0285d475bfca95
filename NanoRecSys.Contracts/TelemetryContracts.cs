namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /debug/telemetry?window=SECONDS</c>.</summary>
/// <param name="WindowSeconds">Length of the window.</param>
/// <param name="Requests">Number of recommendations in the window.</param>
/// <param name="RequestsPerSecond">Over the window, or since the service started if that is shorter.</param>
/// <param name="CacheHitRatio">0..1; null without look-ups.</param>
/// <param name="Modes">Recommendations by mode; <c>popular</c> are those that were not personal, because the user was unknown or the model failed.</param>
/// <param name="Stages">In pipeline order, <c>total</c> last.</param>
/// <param name="Recent">The last requests, newest first.</param>
/// <param name="Versions">Latencies of whole requests by the model version that answered; the stage is the version's name.</param>
public sealed record TelemetrySnapshot(
    double WindowSeconds, long Requests, double RequestsPerSecond, double? CacheHitRatio,
    IReadOnlyDictionary<string, long> Modes, IReadOnlyList<StageLatency> Stages, IReadOnlyList<RequestTrace> Recent,
    IReadOnlyList<StageLatency>? Versions = null)
{
    /// <summary>The window's slowest requests, slowest first.</summary>
    public IReadOnlyList<RequestTrace> Slowest { get; init; } = [];

    /// <summary>Errors in the window, by kind.</summary>
    public IReadOnlyDictionary<string, long> Errors { get; init; } = new Dictionary<string, long>();

    /// <summary>The last requests of any call that this process refused or failed, newest first.</summary>
    public IReadOnlyList<FailedRequest> Failed { get; init; } = [];

    /// <summary>Cache hits by location: <c>memory</c> of the process, or <c>redis</c>.</summary>
    public IReadOnlyDictionary<string, long> CacheHits { get; init; } = new Dictionary<string, long>();

    /// <summary>The window in steps of equal length, oldest first; steps before the service started are omitted.</summary>
    public IReadOnlyList<TelemetryPoint> Series { get; init; } = [];

    /// <summary>Running and queued recommendations.</summary>
    public ComputeLoad? Load { get; init; }

    /// <summary>Number of processes covered by these figures: this one, and those that reported in the last seconds.</summary>
    public int Replicas { get; init; } = 1;
}

/// <param name="Running">Recommendations being computed now.</param>
/// <param name="Concurrency">Maximum of <paramref name="Running"/>.</param>
/// <param name="QueueDepth">Number of queued requests.</param>
/// <param name="QueueLimit">Maximum of <paramref name="QueueDepth"/>; further requests are rejected.</param>
/// <param name="Shed">Number of rejected requests since the start.</param>
public sealed record ComputeLoad(int Running, int Concurrency, int QueueDepth, int QueueLimit, long Shed);

/// <summary>One step of a window.</summary>
/// <param name="Time">When the step began.</param>
/// <param name="Seconds">Length of the step; for the current step, the time passed so far.</param>
/// <param name="Requests">Recommendations answered in it.</param>
/// <param name="Errors">Number of errors in it.</param>
/// <param name="CacheHitRatio">0..1; null without look-ups.</param>
/// <param name="QueueDepth">Largest number of requests queued at once; null if nothing is queued.</param>
/// <param name="InFlight">Largest number of recommendations in progress at once.</param>
/// <param name="Stages">As in the snapshot.</param>
public sealed record TelemetryPoint(
    DateTimeOffset Time, double Seconds, long Requests, long Errors, double? CacheHitRatio, int? QueueDepth, int InFlight,
    IReadOnlyList<StageLatency> Stages);

/// <summary>Milliseconds at the 50th, 95th and 99th percentile.</summary>
public sealed record StageLatency(string Stage, long Count, double P50Ms, double P95Ms, double P99Ms);

/// <param name="RequestId">As in the answer.</param>
/// <param name="Time">When it began.</param>
/// <param name="Mode"><c>live</c> or <c>degraded</c>.</param>
/// <param name="ServedFromCache">Whether the cache answered.</param>
/// <param name="TotalMs">Duration of the whole request.</param>
/// <param name="Stages">Stage timings.</param>
/// <param name="Version">The model version that answered.</param>
public sealed record RequestTrace(
    string RequestId, DateTimeOffset Time, string Mode, bool ServedFromCache, double TotalMs, IReadOnlyList<StageTiming> Stages, string Version = "")
{
    /// <summary>Where the cached answer was, <c>memory</c> or <c>redis</c>; null if it was not cached.</summary>
    public string? CacheSource { get; init; }

    /// <summary>Null for a session.</summary>
    public EntityId? UserId { get; init; }

    /// <summary>Number of recommendations requested.</summary>
    public int K { get; init; }

    /// <summary>Why popular items were served; null if the answer is personal.</summary>
    public string? FallbackReason { get; init; }
}

/// <summary>A request that was answered with an error.</summary>
/// <param name="Time">When it was answered.</param>
/// <param name="Call">Method and path, without the query.</param>
/// <param name="Status">HTTP status.</param>
/// <param name="Reason">The answer's message; null if it had none.</param>
/// <param name="RequestId">As in the answer.</param>
public sealed record FailedRequest(DateTimeOffset Time, string Call, int Status, string? Reason, string RequestId);
