using System.Diagnostics;
using System.Diagnostics.Metrics;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>Traces, metrics and the page's window of every recommendation. No user or item id becomes a metric tag.</summary>
public sealed class RecommendationTelemetry : IDisposable
{
    public const string SourceName = "NanoRecSys.Api";

    private readonly ActivitySource _source = new(SourceName);
    private readonly Histogram<double> _stageDuration;
    private readonly Counter<long> _recommendations;
    private readonly Counter<long> _cacheLookups;
    private readonly TelemetryWindow _window;
    private readonly TimeProvider _time;

    public RecommendationTelemetry(IMeterFactory meters, TelemetryWindow window, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(meters);
        Meter meter = meters.Create(SourceName);
        _stageDuration = meter.CreateHistogram("nanorecsys.stage.duration", "s", "Length of one stage of a recommendation",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3] });
        _recommendations = meter.CreateCounter<long>("nanorecsys.recommendations", "{recommendation}", "Recommendations answered");
        _cacheLookups = meter.CreateCounter<long>("nanorecsys.cache.lookups", "{lookup}", "Answers asked of the cache");
        _window = window;
        _time = time;
    }

    /// <summary>Starts the clock and the span of one request.</summary>
    public RequestTimeline Begin(string requestId)
    {
        _window.Enter();
        return new RequestTimeline(this, _source, requestId, _time.GetUtcNow());
    }

    internal void End() => _window.Leave();

    internal void CountStage(StageTiming stage) =>
        _stageDuration.Record(stage.DurationMs / 1000, new KeyValuePair<string, object?>("stage", stage.Stage));

    internal void CountRequest(RequestTrace trace, string cacheResult)
    {
        _recommendations.Add(1, new KeyValuePair<string, object?>("mode", trace.Mode), new KeyValuePair<string, object?>("version", trace.Version));
        if (trace.CacheSource is { } source)
        {
            _cacheLookups.Add(1, new KeyValuePair<string, object?>("result", cacheResult), new KeyValuePair<string, object?>("source", source));
        }
        else if (cacheResult != CacheResults.Off)
        {
            _cacheLookups.Add(1, new KeyValuePair<string, object?>("result", cacheResult));
        }

        _window.Add(trace, cacheResult is CacheResults.Hit or CacheResults.Miss);
    }

    public void Dispose() => _source.Dispose();
}
