using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace NanoRecSys.ServiceDefaults;

/// <summary>Common to all services: telemetry, health, service discovery, resilient HTTP clients.</summary>
internal static class ServiceDefaultsExtensions
{
    // A check with this tag answers "is the process alive?"; the others check its dependencies.
    private const string LiveTag = "live";

    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder)
        where TBuilder : IHostApplicationBuilder
    {
        builder.UseDefaultUrl();
        builder.AddTelemetryDefaults();
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy(), [LiveTag]);
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(client =>
        {
            client.AddStandardResilienceHandler();
            client.AddServiceDiscovery();
        });
        return builder;
    }

    /// <summary><c>/health</c> and <c>/healthz</c>: <c>{"status":"ok"}</c> while the process is alive, regardless of its dependencies.</summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        var live = new HealthCheckOptions { Predicate = check => check.Tags.Contains(LiveTag), ResponseWriter = WriteStatusAsync };
        app.MapHealthChecks("/health", live);
        app.MapHealthChecks("/healthz", live);
        app.MapHealthChecks("/health/dependencies", new HealthCheckOptions { ResponseWriter = WriteChecksAsync });
        return app;
    }

    /// <summary>Whether it is a health probe, which hosts and pages send every second: it must always get an answer, and "not ready" is one.</summary>
    public static bool IsProbe(this PathString path) =>
        path.StartsWithSegments("/health") || path.StartsWithSegments("/healthz") || path.StartsWithSegments("/readyz");

    /// <summary>Runs until stopped. A failed start, for example because an address is in use, prints one line; the host's log has the details.</summary>
    public static async Task<int> RunServiceAsync(this WebApplication app)
    {
        await using WebApplication running = app;
        try
        {
            await running.StartAsync();
        }
        catch (OperationCanceledException) when (running.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return 0; // stopped during start
        }
        catch (Exception e) when (Settings.Problem(e) is null)
        {
            await Console.Error.WriteLineAsync($"The service cannot start: {e.Message} Addresses are set with ASPNETCORE_URLS or Kestrel:Endpoints.".ReplaceLineEndings(" "));
            return 1;
        }

        await running.WaitForShutdownAsync();
        return 0;
    }

    // "Urls" in appsettings.json would override the host's ASPNETCORE_URLS; this setting does not.
    private static void UseDefaultUrl(this IHostApplicationBuilder builder)
    {
        string? url = builder.Configuration["DefaultUrl"];
        if (url is not null && builder.Configuration[WebHostDefaults.ServerUrlsKey] is null && builder.Configuration[WebHostDefaults.HttpPortsKey] is null)
        {
            builder.Configuration[WebHostDefaults.ServerUrlsKey] = url;
        }
    }

    private static Task WriteStatusAsync(HttpContext context, HealthReport report) =>
        context.Response.WriteAsJsonAsync(new { status = Word(report.Status) });

    private static Task WriteChecksAsync(HttpContext context, HealthReport report) =>
        context.Response.WriteAsJsonAsync(new
        {
            status = Word(report.Status),
            checks = report.Entries.ToDictionary(entry => entry.Key, entry => Word(entry.Value.Status)),
        });

    private static string Word(HealthStatus status) => status switch
    {
        HealthStatus.Healthy => "ok",
        HealthStatus.Degraded => "degraded",
        _ => "unhealthy",
    };
}
