using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Primitives;

namespace NanoRecSys.ServiceDefaults;

/// <summary>Common to all services: telemetry, health, service discovery, resilient HTTP clients.</summary>
internal static class ServiceDefaultsExtensions
{
    // A check with this tag answers "is the process alive?"; the others check its dependencies.
    private const string LiveTag = "live";

    public static void AddServiceDefaults(this IHostApplicationBuilder builder)
    {
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture; // the environment can turn cultures on
        builder.UseDefaultUrl();
        builder.AddTelemetryDefaults();
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy(), [LiveTag]);
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(client =>
        {
            client.AddStandardResilienceHandler();
            client.AddServiceDiscovery();
        });
    }

    /// <summary>Adds a hosted service that other services also ask for.</summary>
    public static void AddBackground<T>(this IServiceCollection services)
        where T : class, IHostedService
    {
        services.AddSingleton<T>();
        services.AddHostedService(provider => provider.GetRequiredService<T>());
    }

    /// <summary><c>/health</c> and <c>/healthz</c>: <c>{"status":"ok"}</c> while the process is alive, regardless of its dependencies.</summary>
    public static void MapDefaultEndpoints(this WebApplication app)
    {
        var live = new HealthCheckOptions { Predicate = check => check.Tags.Contains(LiveTag), ResponseWriter = WriteStatusAsync };
        app.MapHealthChecks("/health", live);
        app.MapHealthChecks("/healthz", live);
        app.MapHealthChecks("/health/dependencies", new HealthCheckOptions { ResponseWriter = WriteChecksAsync });
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

/// <summary>
/// Refuses requests that only a browser sends for a page of another origin: a write or a web socket (neither needs a preflight), and a
/// request to loopback under a foreign host name (DNS rebinding). Programs send neither header and are not affected.
/// </summary>
internal static class CrossOriginProtection
{
    private static readonly StringSegment[] LoopbackNames = ["localhost", "*.localhost", "127.0.0.1", "[::1]"];

    /// <param name="origins">Other origins whose pages may write, such as <c>https://shop.example</c>.</param>
    public static void UseCrossOriginProtection(this WebApplication app, IEnumerable<string>? origins = null)
    {
        HashSet<string> allowed = new(origins ?? [], StringComparer.OrdinalIgnoreCase);
        // The framework's host filtering enforces this setting. Behind a reverse proxy on the same machine it must name the public host.
        bool areHostsConfigured = app.Configuration["AllowedHosts"] is { Length: > 0 } hosts && hosts != "*";
        string? known = null; // the last accepted host: nearly every request has it
        app.Use((http, next) =>
        {
            HostString host = http.Request.Host;
            if (!areHostsConfigured && host.Value != known && http.Connection.LocalIpAddress is { } address && IPAddress.IsLoopback(address))
            {
                if (host.HasValue && !HostString.MatchesAny(host.Host, LoopbackNames))
                {
                    return RefuseAsync(http, StatusCodes.Status400BadRequest, $"The host name '{host.Host}' is not served on loopback. Set AllowedHosts to serve it.");
                }

                known = host.Value;
            }

            if (Changes(http) && !IsSameOrigin(http.Request.Headers, host, allowed))
            {
                return RefuseAsync(http, StatusCodes.Status403Forbidden,
                    "A page of another origin may not send this request. Add its origin to Security:CorsOrigins to allow it.");
            }

            return next(http);
        });
    }

    private static bool Changes(HttpContext http) =>
        !(HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method) || HttpMethods.IsOptions(http.Request.Method))
        || http.WebSockets.IsWebSocketRequest || http.Request.Headers.Upgrade.Count > 0;

    private static bool IsSameOrigin(IHeaderDictionary headers, HostString host, HashSet<string> allowed)
    {
        string? origin = headers.Origin;
        if (origin is not null && allowed.Contains(origin))
        {
            return true;
        }

        // Browsers send it over TLS and to loopback, and pages cannot set it. A proxy may change Host, but not this.
        if (headers["Sec-Fetch-Site"] is { Count: > 0 } site)
        {
            return site == "same-origin" || site == "none";
        }

        return origin is null || (Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Authority.Equals(host.Value, StringComparison.OrdinalIgnoreCase));
    }

    private static Task RefuseAsync(HttpContext http, int status, string detail)
    {
        http.Response.StatusCode = status;
        return http.Response.WriteAsJsonAsync(new { detail, request_id = http.TraceIdentifier });
    }
}
