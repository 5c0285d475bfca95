using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace NanoRecSys.Training.Pipeline;

/// <summary>Sends spans and metrics over OTLP; disposing it sends what is left.</summary>
internal sealed class TelemetryExport : IDisposable
{
    private readonly TracerProvider _tracer;
    private readonly MeterProvider _meter;

    private TelemetryExport()
    {
        // The environment comes last: its OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
        ResourceBuilder resource = ResourceBuilder.CreateEmpty().AddService("training").AddTelemetrySdk().AddEnvironmentVariableDetector();
        _tracer = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(TrainingTelemetry.Name).AddOtlpExporter().Build();
        _meter = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(TrainingTelemetry.Name).AddOtlpExporter().Build();
    }

    /// <summary>Null where the environment names no collector: nothing is measured for nobody then.</summary>
    public static TelemetryExport? FromEnvironment() =>
        string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT")) ? null : new TelemetryExport();

    public void Dispose()
    {
        _tracer.Dispose();
        _meter.Dispose();
    }
}
