using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace NanoRecSys.Training.Pipeline;

/// <summary>Exports spans, metrics and logs over OTLP; disposing it flushes them.</summary>
internal sealed class TelemetryExport : IDisposable
{
    private readonly TracerProvider _tracer;
    private readonly MeterProvider _meter;
    private readonly ILoggerFactory _logs;

    private TelemetryExport()
    {
        // The environment comes last: its OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
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
