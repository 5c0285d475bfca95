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
    public const string Cache = "cache"; // A Redis command failed
    public const string Model = "model"; // the model failed: the request was answered without it
    public const string Server = "server"; // answered with 5xx other than 503
    public const string Unavailable = "unavailable"; // answered with 503: no model yet, or too busy
    public const string Limited = "limited"; // answered with 429: beyond the rate limit of an address
    public const string Rejected = "rejected"; // answered with any other 4xx: the request was at fault

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
