namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /debug/status</c> and of <c>GET /readyz</c> when ready.</summary>
public sealed record StatusDocument
{
    /// <summary>The <see cref="RankerBackend"/> of a version without a ranker.</summary>
    public const string NoRanker = "passthrough";

    public required bool Ready { get; init; }

    /// <summary>Always false here: there is no stub.</summary>
    public bool StubMode { get; init; }

    public required string Mode { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }

    public required IReadOnlyList<string> Errors { get; init; }

    public required RedisStatus Redis { get; init; }

    public required FaissStatus Faiss { get; init; }

    public string? UserTowerBackend { get; init; }

    /// <summary><see cref="NoRanker"/> if the retriever's order is served; null before the first model.</summary>
    public string? RankerBackend { get; init; }

    public required IReadOnlyDictionary<string, bool> Artifacts { get; init; }

    public required RequestStats Stats { get; init; }

    /// <summary>The served model version; null before the first.</summary>
    public string? Version { get; init; }
}

/// <summary>The cache and event store. <c>Writable</c>: whether it accepts events and items; null without a store.</summary>
public sealed record RedisStatus(bool Enabled, bool Available, string? Host, int? Port, long ErrorCount, bool? Writable = null);

public sealed record FaissStatus(
    bool Ready, string RequestedIndexType, string? LoadedIndexType, string? IndexPath, string? Engine);

public sealed record RequestStats(long Requests, long CacheHits, long CacheMisses, long CacheErrors, long Errors);

/// <summary>Answer of <c>GET /debug/host</c>: the process and its settings, without secrets.</summary>
/// <param name="Service">The program's name.</param>
/// <param name="Started">When the process started.</param>
/// <param name="Runtime">The .NET version.</param>
/// <param name="System">The operating system.</param>
/// <param name="Processors">Number of processors available to the process.</param>
/// <param name="WorkingSetBytes">Memory of the process.</param>
/// <param name="HeapBytes">The part managed by the garbage collector.</param>
/// <param name="Threads">Number of threads.</param>
/// <param name="Settings">Effective settings by name; those that may contain a secret are left out or shortened.</param>
public sealed record HostReport(
    string Service, DateTimeOffset Started, string Runtime, string System, int Processors, long WorkingSetBytes, long HeapBytes, int Threads,
    IReadOnlyList<HostSetting> Settings);

/// <param name="Name">As in <c>appsettings.json</c>, with colons as separators.</param>
/// <param name="Value">Formatted for people.</param>
public sealed record HostSetting(string Name, string Value);

/// <summary>Answer of <c>GET /models</c>.</summary>
/// <param name="Current">The version last published or made current.</param>
/// <param name="Pinned">The version that is served regardless of what is published; null if none is pinned.</param>
/// <param name="Served">The version that answers most requests now; null before the first model.</param>
/// <param name="Versions">Newest first.</param>
public sealed record ModelList(string? Current, string? Pinned, string? Served, IReadOnlyList<ModelVersionInfo> Versions);

/// <param name="Version">The version's name.</param>
/// <param name="Created">When it was published.</param>
/// <param name="Dataset">Name of its training data.</param>
/// <param name="Kind">Type of its network.</param>
/// <param name="Weight">Share of the users it serves, if set by <c>Models:Split</c>.</param>
/// <param name="Metrics">On the test split; on validation if nothing was evaluated on test.</param>
/// <param name="Error">Why it cannot be served, if that is known without reading all of it.</param>
public sealed record ModelVersionInfo(
    string Version, DateTimeOffset? Created, string? Dataset, string? Kind, double? Weight, IReadOnlyList<EvaluationResult> Metrics, string? Error = null)
{
    /// <summary>Its comparison with the version served when it was published; null if there was none.</summary>
    public GateResult? Gate { get; init; }

    /// <summary>The candidates that <c>auto</c> compared; null if it was not trained by <c>auto</c>.</summary>
    public RaceInfo? Race { get; init; }

    /// <summary>Names of the pictures from its training.</summary>
    public IReadOnlyList<string> Plots { get; init; } = [];
}

/// <summary>Answer of the calls that change which version is served; the change takes effect within the artifacts' poll interval.</summary>
/// <param name="Version">The version to serve.</param>
/// <param name="Previous">The version to serve before the change.</param>
public sealed record ModelChange(string Version, string? Previous);

/// <summary>Answer of <c>GET /outcomes</c>: what was shown, and what users did with it.</summary>
/// <param name="Days">Length of the period.</param>
/// <param name="Outcomes">By version and surface, most impressions first.</param>
/// <param name="Comparisons">Comparisons of the versions in <c>Models:Split</c>; empty without a split.</param>
public sealed record OutcomeReport(int Days, IReadOnlyList<OutcomeRow> Outcomes, IReadOnlyList<OutcomeComparison> Comparisons);

/// <param name="Version">The version that made the lists.</param>
/// <param name="Surface">Where the lists were shown, as named by the requests.</param>
/// <param name="Lists">Number of lists.</param>
/// <param name="Impressions">Number of items in the lists.</param>
/// <param name="Clicks">Impressions followed by an event of the user.</param>
/// <param name="Conversions">Impressions followed by an event of a type in <c>Outcomes:Conversions</c>.</param>
/// <param name="ClickRate">Clicks per impression.</param>
/// <param name="ConversionRate">Conversions per impression.</param>
public sealed record OutcomeRow(
    string Version, string Surface, long Lists, long Impressions, long Clicks, long Conversions, OutcomeRate ClickRate, OutcomeRate ConversionRate);

/// <summary>A share of the impressions, or a difference of two shares, with its 95% interval.</summary>
public sealed record OutcomeRate(double Value, double Low, double High);

/// <summary>Two versions on the days on which both were shown.</summary>
/// <param name="Version">The compared version.</param>
/// <param name="With">The version with the largest share.</param>
/// <param name="Rate"><c>click_rate</c> or <c>conversion_rate</c>.</param>
/// <param name="Days">Number of days on which both were shown.</param>
/// <param name="Difference">The rate of <paramref name="Version"/> minus that of <paramref name="With"/>.</param>
/// <param name="Sentence">The result in words.</param>
public sealed record OutcomeComparison(string Version, string With, string Rate, int Days, OutcomeRate Difference, string Sentence);

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
