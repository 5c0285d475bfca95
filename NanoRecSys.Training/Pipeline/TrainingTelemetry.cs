using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace NanoRecSys.Training.Pipeline;

/// <summary>A training's spans (one per run, with one per stage below it), stage durations, progress and log.</summary>
internal static partial class TrainingTelemetry
{
    public const string Name = "NanoRecSys.Training";

    public const string StageDuration = "nanorecsys.training.stage.duration";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);

    // Stages take from milliseconds to hours; the default buckets end at ten seconds.
    private static readonly Histogram<double> Durations = Meter.CreateHistogram(
        StageDuration, unit: "s", description: "Duration of a completed training stage.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000] });

    private static readonly Gauge<double> Progress = Meter.CreateGauge<double>(
        "nanorecsys.training.progress", unit: "1", description: "Completed share of the current training stage, 0 to 1.");

    /// <summary>Exported if there is a collector; set once, at the start.</summary>
    public static ILogger Logger { get; set; } = NullLogger.Instance;

    public static Activity? StartSpan(string name) => Source.StartActivity(name);

    public static void RecordStage(string stage, TimeSpan took)
    {
        Durations.Record(took.TotalSeconds, new KeyValuePair<string, object?>("stage", stage));
        Progress.Record(1, new KeyValuePair<string, object?>("stage", stage));
        LogCompleted(Logger, stage, took.TotalSeconds);
    }

    public static void RecordProgress(string stage, ProgressEvent progress)
    {
        if (progress.Fraction is { } fraction)
        {
            Progress.Record(fraction, new KeyValuePair<string, object?>("stage", stage));
        }

        if (progress.Message is not null || progress.Metrics is not null)
        {
            LogProgress(Logger, stage, ProgressText.Line(progress with { RemainingSeconds = null }));
        }
    }

    public static void RecordFailure(Exception e) => LogFailed(Logger, e.Message);

    public static void Fail(this Activity? activity, Exception e) => activity?.SetStatus(ActivityStatusCode.Error, e.Message);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Stage}: {Progress}")]
    private static partial void LogProgress(ILogger logger, string stage, string progress);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Stage} completed in {Seconds:0.0} s")]
    private static partial void LogCompleted(ILogger logger, string stage, double seconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "Training failed: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);
}

internal sealed class TelemetryExport : IDisposable
{
    private readonly TracerProvider _tracer;
    private readonly MeterProvider _meter;
    private readonly ILoggerFactory _logs;

    private TelemetryExport()
    {
        // The environment comes last, so that OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence.
        ResourceBuilder resource = ResourceBuilder.CreateEmpty().AddService("training").AddTelemetrySdk().AddEnvironmentVariableDetector();
        _tracer = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(TrainingTelemetry.Name).AddOtlpExporter().Build();
        _meter = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(TrainingTelemetry.Name).AddOtlpExporter().Build();
        _logs = LoggerFactory.Create(logging => logging.AddOpenTelemetry(logs =>
        {
            logs.IncludeFormattedMessage = true;
            logs.SetResourceBuilder(resource).AddOtlpExporter();
        }));
        TrainingTelemetry.Logger = _logs.CreateLogger(TrainingTelemetry.Name);
    }

    /// <summary>Null if the environment names no collector.</summary>
    public static TelemetryExport? FromEnvironment() =>
        string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT")) ? null : new TelemetryExport();

    public void Dispose()
    {
        _tracer.Dispose();
        _meter.Dispose();
        _logs.Dispose();
    }
}
