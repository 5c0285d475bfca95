using NanoRecSys.Api.Http;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>Counts every response that is an error, from handlers, limits, or the exception handler.</summary>
internal static class ErrorCounting
{
    /// <summary>To be called first: refusals count, too.</summary>
    public static void UseErrorCounting(this WebApplication app)
    {
        TelemetryWindow window = app.Services.GetRequiredService<TelemetryWindow>();
        TimeProvider time = app.Services.GetRequiredService<TimeProvider>();
        app.Use(async (http, next) =>
        {
            await next(http);
            if (ErrorKinds.OfStatus(http.Response.StatusCode) is { } kind && !IsProbe(http.Request.Path))
            {
                window.CountError(kind);
                window.Add(new FailedRequest(
                    time.GetUtcNow(), $"{http.Request.Method} {http.Request.Path}", http.Response.StatusCode, Errors.ReasonOf(http), http.TraceIdentifier));
            }
        });
    }

    // "Not ready" is an answer, and hosts and pages ask every second.
    private static bool IsProbe(PathString path) => path.StartsWithSegments("/readyz") || path.StartsWithSegments("/health") || path.StartsWithSegments("/healthz");
}

/// <summary>What can go wrong with a request, as the telemetry page counts it.</summary>
internal static class ErrorKinds
{
    /// <summary>A Redis command failed.</summary>
    public const string Cache = "cache";

    /// <summary>The model failed: the request was answered without it.</summary>
    public const string Model = "model";

    /// <summary>Answered with 5xx other than 503.</summary>
    public const string Server = "server";

    /// <summary>Answered with 503: no model yet, or too busy.</summary>
    public const string Unavailable = "unavailable";

    /// <summary>Answered with 429: beyond the rate limit of an address.</summary>
    public const string Limited = "limited";

    /// <summary>Answered with any other 4xx: the request was at fault.</summary>
    public const string Rejected = "rejected";

    public static readonly string[] All = [Cache, Model, Server, Unavailable, Limited, Rejected];

    /// <returns>Null for a status that is not an error.</returns>
    public static string? OfStatus(int status) => status switch
    {
        < 400 => null,
        StatusCodes.Status429TooManyRequests => Limited,
        StatusCodes.Status503ServiceUnavailable => Unavailable,
        < 500 => Rejected,
        _ => Server,
    };
}
