using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace NanoRecSys.ServiceDefaults;

/// <summary>
/// OpenTelemetry traces, metrics and logs: sent to a collector if the environment names one; metrics also at <c>/metrics</c> for
/// Prometheus if <c>Telemetry:Prometheus</c> is true.
/// </summary>
internal static class TelemetryDefaults
{
    // The ActivitySource and the Meter of each service: NanoRecSys.Api, NanoRecSys.Web, NanoRecSys.Training.
    private const string Sources = "NanoRecSys.*";

    /// <summary>Without a collector nothing is recorded: unread spans would double the cost of a cached answer.</summary>
    public static bool HasCollector(IConfiguration configuration) => !string.IsNullOrWhiteSpace(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);

    public static void AddTelemetryDefaults(this IHostApplicationBuilder builder)
    {
        bool isScraped = IsScraped(builder.Configuration);
        if (!HasCollector(builder.Configuration) && !isScraped)
        {
            return;
        }

        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Sources)
                    .AddAspNetCoreInstrumentation()
                    .AddHttpClientInstrumentation()
                    .AddRuntimeInstrumentation();
                if (isScraped)
                {
                    metrics.AddPrometheusExporter();
                }
            });
        if (!HasCollector(builder.Configuration))
        {
            return;
        }

        telemetry
            .WithTracing(tracing => tracing
                .SetSampler(new ParentBasedSampler(new RequestsOnly()))
                .AddSource(Sources)
                .AddAspNetCoreInstrumentation(http =>
                {
                    http.EnableAspNetCoreSignalRSupport = false;
                    http.EnableRazorComponentsSupport = false; // a span for every render would bury the users' requests
                    http.Filter = context => !IsNoise(context.Request.Path);
                })
                .AddHttpClientInstrumentation());

        builder.Logging.AddOpenTelemetry(logs =>
        {
            logs.IncludeFormattedMessage = true;
            logs.IncludeScopes = true;
        });

        // The exporter reads endpoint, protocol, headers, service name and resource attributes from OTEL_*.
        telemetry.UseOtlpExporter();
    }

    /// <summary><c>/metrics</c> in Prometheus text format.</summary>
    /// <returns>Null unless <c>Telemetry:Prometheus</c> is true.</returns>
    public static IEndpointConventionBuilder? MapMetrics(this WebApplication app) =>
        IsScraped(app.Configuration) ? app.MapPrometheusScrapingEndpoint() : null;

    private static bool IsScraped(IConfiguration configuration) => configuration.GetValue("Telemetry:Prometheus", false);

    // Frequent probes, Blazor circuits, which last as long as their page, and static files.
    private static bool IsNoise(PathString path) =>
        path.IsProbe() || path.StartsWithSegments("/metrics") || path.StartsWithSegments("/_blazor") || path.StartsWithSegments("/_framework") || path.StartsWithSegments("/_content")
        || Path.HasExtension(path.Value);

    /// <summary>Drops Redis commands outside requests: heartbeats, subscriptions, background reads.</summary>
    private sealed class RequestsOnly : Sampler
    {
        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters)
        {
            bool isRedis = samplingParameters.Tags?.Any(tag => tag.Key is "db.system" or "db.system.name") == true;
            return new SamplingResult(isRedis ? SamplingDecision.Drop : SamplingDecision.RecordAndSample);
        }
    }
}
