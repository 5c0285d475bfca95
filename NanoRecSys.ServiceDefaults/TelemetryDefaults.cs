using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace NanoRecSys.ServiceDefaults;

/// <summary>OpenTelemetry for traces, metrics and logs; exported only where the environment names a collector.</summary>
internal static class TelemetryDefaults
{
    // The ActivitySource and the Meter of each service: NanoRecSys.Api, NanoRecSys.Web, NanoRecSys.Training.
    private const string OurSources = "NanoRecSys.*";

    public static void AddTelemetryDefaults(this IHostApplicationBuilder builder)
    {
        // Without a collector nothing is recorded: spans that nobody reads cost a cached answer as much as all else together.
        if (string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            return;
        }

        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .WithMetrics(metrics => metrics
                .AddMeter(OurSources)
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation())
            .WithTracing(tracing => tracing
                .AddSource(OurSources)
                .AddAspNetCoreInstrumentation(http => http.Filter = context => !IsProbe(context.Request.Path))
                .AddHttpClientInstrumentation());

        builder.Logging.AddOpenTelemetry(logs =>
        {
            logs.IncludeFormattedMessage = true;
            logs.IncludeScopes = true;
        });

        // The exporter itself reads endpoint, protocol, headers, service name and resource attributes (OTEL_*).
        telemetry.UseOtlpExporter();
    }

    // Hosts ask every few seconds: their calls would bury the traces of people.
    private static bool IsProbe(Microsoft.AspNetCore.Http.PathString path) =>
        path.StartsWithSegments("/health") || path.StartsWithSegments("/healthz") || path.StartsWithSegments("/readyz");
}
