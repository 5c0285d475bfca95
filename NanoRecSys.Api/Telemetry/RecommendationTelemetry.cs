using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace NanoRecSys.Api.Telemetry;

/// <summary>Traces, metrics and the telemetry window for every recommendation. No user or item id becomes a metric tag.</summary>
internal sealed class RecommendationTelemetry(IMeterFactory meters, TelemetryWindow window, RequestCounters counters, TimeProvider time) : IDisposable
{
    public const string SourceName = "NanoRecSys.Api";

    private readonly ActivitySource _source = new(SourceName);
    private readonly Histogram<double> _stageDuration = meters.Create(SourceName).CreateHistogram(
        "nanorecsys.stage.duration", "s", "Length of one stage of a recommendation",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3] });
    private readonly Counter<long> _recommendations = meters.Create(SourceName)
        .CreateCounter<long>("nanorecsys.recommendations", "{recommendation}", "Recommendations answered");
    private readonly Counter<long> _cacheLookups = meters.Create(SourceName)
        .CreateCounter<long>("nanorecsys.cache.lookups", "{lookup}", "Lookups of a recommendation in the cache");

    public RequestTimeline Begin(string requestId)
    {
        window.Enter();
        return new RequestTimeline(this, _source, requestId, time.GetUtcNow());
    }

    internal void End() => window.Leave();

    internal void CountStage(StageTiming stage) =>
        _stageDuration.Record(stage.DurationMs / 1000, new KeyValuePair<string, object?>("stage", stage.Stage));

    internal void CountRequest(RequestTrace trace, string cacheResult)
    {
        counters.CountRequest();
        _recommendations.Add(1, new KeyValuePair<string, object?>("mode", trace.Mode), new KeyValuePair<string, object?>("version", trace.Version));
        if (trace.CacheSource is { } source)
        {
            _cacheLookups.Add(1, new KeyValuePair<string, object?>("result", cacheResult), new KeyValuePair<string, object?>("source", source));
        }
        else if (cacheResult != CacheResults.Off)
        {
            _cacheLookups.Add(1, new KeyValuePair<string, object?>("result", cacheResult));
        }

        window.Add(trace, cacheResult is CacheResults.Hit or CacheResults.Miss);
    }

    public void Dispose() => _source.Dispose();
}

/// <summary>Times one request: a span with a child per stage, and the stage timings shown in the answer.</summary>
internal sealed class RequestTimeline(RecommendationTelemetry telemetry, ActivitySource source, string requestId, DateTimeOffset time) : IDisposable
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Activity? _activity = source.StartActivity("recommend")?.SetTag("request_id", requestId);
    private readonly List<StageTiming> _stages = new(6);

    public string? CacheSource { get; set; } // one of CacheSources, set when the cache has answered
    public IReadOnlyList<StageTiming> Stages => _stages; // the stages that have ended, in order
    public double ElapsedMs => Round(Stopwatch.GetElapsedTime(_started).TotalMilliseconds);

    public T Run<T>(string stage, Func<T> work)
    {
        using RunningStage running = Begin(stage);
        return work();
    }

    public void Run(string stage, Action work)
    {
        using RunningStage running = Begin(stage);
        work();
    }

    public async ValueTask<T> RunAsync<T>(string stage, Func<ValueTask<T>> work)
    {
        using RunningStage running = Begin(stage);
        return await work();
    }

    /// <summary>Duration of a stage in milliseconds; null if it did not run.</summary>
    public double? Of(string stage) => _stages.Find(timing => timing.Stage == stage)?.DurationMs;

    public void Complete(RecommendationRequest request, string mode, string? fallbackReason, string cacheResult, string version)
    {
        _activity?.SetTag("mode", mode);
        _activity?.SetTag("cache", cacheResult);
        _activity?.SetTag("cache.source", CacheSource);
        _activity?.SetTag("version", version);
        telemetry.CountRequest(
            new RequestTrace(requestId, time, mode, cacheResult == CacheResults.Hit, ElapsedMs, [.. _stages], version)
            {
                CacheSource = CacheSource,
                UserId = request.UserId,
                K = request.K,
                FallbackReason = fallbackReason,
            }, cacheResult);
    }

    public void Dispose()
    {
        telemetry.End();
        _activity?.Dispose();
    }

    // To the microsecond.
    private static double Round(double milliseconds) => Math.Round(milliseconds, 3);

    private RunningStage Begin(string stage) => new(this, stage, source.StartActivity(stage));

    private void End(string stage, long started)
    {
        double start = Stopwatch.GetElapsedTime(_started, started).TotalMilliseconds;
        var timing = new StageTiming(stage, Round(start), Round(Stopwatch.GetElapsedTime(started).TotalMilliseconds));
        _stages.Add(timing);
        telemetry.CountStage(timing);
    }

    private sealed class RunningStage(RequestTimeline timeline, string name, Activity? activity) : IDisposable
    {
        private readonly long _started = Stopwatch.GetTimestamp();

        public void Dispose()
        {
            timeline.End(name, _started);
            activity?.Dispose();
        }
    }
}

/// <summary>Names of a request's stages in traces, metrics and answers.</summary>
internal static class StageNames
{
    public const string CacheGet = "cache.get";
    public const string History = "history";
    public const string Queue = "queue"; // waiting for a compute permit; only if none was free
    public const string Encode = "encode";
    public const string Retrieve = "retrieve";
    public const string Rank = "rank";
    public const string Explain = "explain"; // measuring the reasons; only if requested
    public const string CacheSet = "cache.set";
    public const string Shared = "shared"; // waiting for another request's computation of the same answer
    public const string Total = "total"; // the whole request; not a stage of its own

    /// <summary>In request order, the total last.</summary>
    public static readonly IReadOnlyList<string> All = [CacheGet, History, Queue, Encode, Retrieve, Rank, Explain, CacheSet, Shared, Total];
}

/// <summary>Result of a cache lookup: the tag <c>result</c> of <c>nanorecsys.cache.lookups</c>.</summary>
internal static class CacheResults
{
    public const string Hit = "hit";
    public const string Miss = "miss";
    public const string Error = "error"; // Redis is configured but did not answer
    public const string Off = "off"; // no Redis is configured
}

/// <summary>Source of a hit: the tag <c>source</c> of <c>nanorecsys.cache.lookups</c>.</summary>
internal static class CacheSources
{
    public const string Memory = "memory"; // in this process
    public const string Redis = "redis";

    public static readonly string[] All = [Memory, Redis];
}
