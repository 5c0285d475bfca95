namespace NanoRecSys.Core.Contracts;

/// <summary>Answer of <c>GET /debug/telemetry?window=SECONDS</c>.</summary>
/// <param name="WindowSeconds">How far back it looks.</param>
/// <param name="Requests">Recommendations in the window.</param>
/// <param name="RequestsPerSecond">Over the window, or over the service's life where that is shorter.</param>
/// <param name="CacheHitRatio">0..1; null without look-ups.</param>
/// <param name="Modes">Recommendations by mode.</param>
/// <param name="Stages">In the pipeline's order, <c>total</c> last.</param>
/// <param name="Recent">The last requests, newest first.</param>
/// <param name="Versions">The whole request's latencies of each model version that answered, its name as the stage.</param>
public sealed record TelemetrySnapshot(
    double WindowSeconds, long Requests, double RequestsPerSecond, double? CacheHitRatio,
    IReadOnlyDictionary<string, long> Modes, IReadOnlyList<StageLatency> Stages, IReadOnlyList<RequestTrace> Recent,
    IReadOnlyList<StageLatency>? Versions = null);

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
    string RequestId, DateTimeOffset Time, string Mode, bool ServedFromCache, double TotalMs, IReadOnlyList<StageTiming> Stages, string Version = "");
