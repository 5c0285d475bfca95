using System.Diagnostics;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>The clock of one request: a span with a child per stage, and the waterfall that the answer shows.</summary>
public sealed class RequestTimeline : IDisposable
{
    private readonly RecommendationTelemetry _telemetry;
    private readonly ActivitySource _source;
    private readonly Activity? _activity;
    private readonly DateTimeOffset _time;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly List<StageTiming> _stages = new(6);

    internal RequestTimeline(RecommendationTelemetry telemetry, ActivitySource source, string requestId, DateTimeOffset time)
    {
        _telemetry = telemetry;
        _source = source;
        _time = time;
        RequestId = requestId;
        _activity = source.StartActivity("recommend");
        _activity?.SetTag("request_id", requestId);
    }

    public string RequestId { get; }

    /// <summary>One of <see cref="CacheSources"/>, once the cache has answered.</summary>
    public string? CacheSource { get; set; }

    /// <summary>The stages that have ended, in order.</summary>
    public IReadOnlyList<StageTiming> Stages => _stages;

    public double ElapsedMs => Round(Stopwatch.GetElapsedTime(_started).TotalMilliseconds);

    /// <summary>Runs and times one stage.</summary>
    public T Run<T>(string stage, Func<T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var running = new RunningStage(this, stage);
        return work();
    }

    /// <summary>Runs and times one stage that gives nothing back.</summary>
    public void Run(string stage, Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var running = new RunningStage(this, stage);
        work();
    }

    /// <summary>Runs and times one stage that waits.</summary>
    public async ValueTask<T> RunAsync<T>(string stage, Func<ValueTask<T>> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var running = new RunningStage(this, stage);
        return await work();
    }

    /// <summary>Length of a stage in milliseconds; null where it did not run.</summary>
    public double? Of(string stage) => _stages.Find(timing => timing.Stage == stage)?.DurationMs;

    /// <summary>The request is answered: counts it.</summary>
    public void Complete(string mode, string cacheResult, string version)
    {
        _activity?.SetTag("mode", mode);
        _activity?.SetTag("cache", cacheResult);
        _activity?.SetTag("cache.source", CacheSource);
        _activity?.SetTag("version", version);
        _telemetry.CountRequest(
            new RequestTrace(RequestId, _time, mode, cacheResult == CacheResults.Hit, ElapsedMs, [.. _stages], version) { CacheSource = CacheSource }, cacheResult);
    }

    public void Dispose()
    {
        _telemetry.End();
        _activity?.Dispose();
    }

    // Microseconds are as fine as any reader needs.
    private static double Round(double milliseconds) => Math.Round(milliseconds, 3);

    private sealed class RunningStage(RequestTimeline timeline, string name) : IDisposable
    {
        private readonly Activity? _activity = timeline._source.StartActivity(name);
        private readonly long _started = Stopwatch.GetTimestamp();

        public void Dispose()
        {
            double start = Stopwatch.GetElapsedTime(timeline._started, _started).TotalMilliseconds;
            var timing = new StageTiming(name, Round(start), Round(Stopwatch.GetElapsedTime(_started).TotalMilliseconds));
            timeline._stages.Add(timing);
            timeline._telemetry.CountStage(timing);
            _activity?.Dispose();
        }
    }
}
