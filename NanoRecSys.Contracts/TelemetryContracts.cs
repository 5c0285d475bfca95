namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /debug/telemetry?window=SECONDS</c>.</summary>
/// <param name="WindowSeconds">How far back it looks.</param>
/// <param name="Requests">Recommendations in the window.</param>
/// <param name="RequestsPerSecond">Over the window, or over the service's life where that is shorter.</param>
/// <param name="CacheHitRatio">0..1; null without look-ups.</param>
/// <param name="Modes">Recommendations by mode, <c>popular</c> those that were not personal: nothing was known of the user, or the model failed.</param>
/// <param name="Stages">In the pipeline's order, <c>total</c> last.</param>
/// <param name="Recent">The last requests, newest first.</param>
/// <param name="Versions">The whole request's latencies of each model version that answered, its name as the stage.</param>
public sealed record TelemetrySnapshot(
    double WindowSeconds, long Requests, double RequestsPerSecond, double? CacheHitRatio,
    IReadOnlyDictionary<string, long> Modes, IReadOnlyList<StageLatency> Stages, IReadOnlyList<RequestTrace> Recent,
    IReadOnlyList<StageLatency>? Versions = null)
{
    /// <summary>The window's slowest requests, the slowest first.</summary>
    public IReadOnlyList<RequestTrace> Slowest { get; init; } = [];

    /// <summary>What went wrong in the window, by kind.</summary>
    public IReadOnlyDictionary<string, long> Errors { get; init; } = new Dictionary<string, long>();

    /// <summary>The last requests that this process refused or failed, of any call, newest first.</summary>
    public IReadOnlyList<FailedRequest> Failed { get; init; } = [];

    /// <summary>Answers of the cache by where they were: <c>memory</c> of the process, or <c>redis</c>.</summary>
    public IReadOnlyDictionary<string, long> CacheHits { get; init; } = new Dictionary<string, long>();

    /// <summary>The window in steps of equal length, oldest first; steps before the service began are left out.</summary>
    public IReadOnlyList<TelemetryPoint> Series { get; init; } = [];

    /// <summary>What is computed now, and what waits.</summary>
    public ComputeLoad? Load { get; init; }

    /// <summary>How many processes these figures are of: this one, and those that were heard of in the last seconds.</summary>
    public int Replicas { get; init; } = 1;
}

/// <param name="Running">Recommendations that are computed now.</param>
/// <param name="Concurrency">How many may be.</param>
/// <param name="QueueDepth">Requests that wait for their turn.</param>
/// <param name="QueueLimit">How many may; whoever comes then is turned away.</param>
/// <param name="Shed">How many were, since the start.</param>
public sealed record ComputeLoad(int Running, int Concurrency, int QueueDepth, int QueueLimit, long Shed);

/// <summary>One step of a window.</summary>
/// <param name="Time">When the step began.</param>
/// <param name="Seconds">Its length; of the running step what has passed of it.</param>
/// <param name="Requests">Recommendations answered in it.</param>
/// <param name="Errors">What went wrong in it.</param>
/// <param name="CacheHitRatio">0..1; null without look-ups.</param>
/// <param name="QueueDepth">Most requests that waited at once; null where nothing queues.</param>
/// <param name="InFlight">Most recommendations at work at once.</param>
/// <param name="Stages">As in the snapshot.</param>
public sealed record TelemetryPoint(
    DateTimeOffset Time, double Seconds, long Requests, long Errors, double? CacheHitRatio, int? QueueDepth, int InFlight,
    IReadOnlyList<StageLatency> Stages);

/// <summary>Milliseconds at the 50th, 95th and 99th percentile.</summary>
public sealed record StageLatency(string Stage, long Count, double P50Ms, double P95Ms, double P99Ms);

/// <param name="RequestId">As answered.</param>
/// <param name="Time">When it began.</param>
/// <param name="Mode"><c>live</c> or <c>degraded</c>.</param>
/// <param name="ServedFromCache">Whether the cache answered.</param>
/// <param name="TotalMs">Length of the whole request.</param>
/// <param name="Stages">Its waterfall.</param>
/// <param name="Version">The model version that answered.</param>
public sealed record RequestTrace(
    string RequestId, DateTimeOffset Time, string Mode, bool ServedFromCache, double TotalMs, IReadOnlyList<StageTiming> Stages, string Version = "")
{
    /// <summary>Where the cache had the answer, <c>memory</c> or <c>redis</c>; null where it had none.</summary>
    public string? CacheSource { get; init; }

    /// <summary>Null for a session.</summary>
    public EntityId? UserId { get; init; }

    /// <summary>How many recommendations were asked for.</summary>
    public int K { get; init; }

    /// <summary>Why popular items were served; null where the answer is personal.</summary>
    public string? FallbackReason { get; init; }
}

/// <summary>A request that was answered with an error.</summary>
/// <param name="Time">When it was answered.</param>
/// <param name="Call">Method and path, without the query.</param>
/// <param name="Status">Of HTTP.</param>
/// <param name="Reason">What the answer said; null where it said nothing.</param>
/// <param name="RequestId">As answered.</param>
public sealed record FailedRequest(DateTimeOffset Time, string Call, int Status, string? Reason, string RequestId);
