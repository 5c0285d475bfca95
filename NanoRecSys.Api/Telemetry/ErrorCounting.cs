namespace NanoRecSys.Api.Telemetry;

/// <summary>Counts every answer that is an error, whoever gave it: handlers, limits, or what catches exceptions.</summary>
internal static class ErrorCounting
{
    /// <summary>Before everything else: a refusal is an error, too.</summary>
    public static void UseErrorCounting(this WebApplication app)
    {
        TelemetryWindow window = app.Services.GetRequiredService<TelemetryWindow>();
        app.Use(async (http, next) =>
        {
            await next(http);
            if (ErrorKinds.OfStatus(http.Response.StatusCode) is { } kind && !IsProbe(http.Request.Path))
            {
                window.CountError(kind);
            }
        });
    }

    // "Not ready" is an answer, and hosts and pages ask each second.
    private static bool IsProbe(PathString path) => path.StartsWithSegments("/readyz") || path.StartsWithSegments("/health") || path.StartsWithSegments("/healthz");
}
