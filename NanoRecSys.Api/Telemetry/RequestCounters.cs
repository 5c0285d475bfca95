using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.HttpLogging;

namespace NanoRecSys.Api.Telemetry;

/// <summary>Counts since this process started; errors are counted in the telemetry window, too.</summary>
internal sealed class RequestCounters(TelemetryWindow window)
{
    private long _requests;
    private long _cacheHits;
    private long _cacheMisses;
    private long _cacheErrors;
    private long _errors;

    public long CacheErrors => Interlocked.Read(ref _cacheErrors);

    public void CountRequest() => Interlocked.Increment(ref _requests);

    public void CountCacheLookup(bool hit) => Interlocked.Increment(ref hit ? ref _cacheHits : ref _cacheMisses);

    public void CountCacheError()
    {
        Interlocked.Increment(ref _cacheErrors);
        window.CountError(ErrorKinds.Cache);
    }

    public void CountModelError()
    {
        Interlocked.Increment(ref _errors);
        window.CountError(ErrorKinds.Model);
    }

    /// <summary>Counts an internal error; <see cref="ErrorCounting"/> counts it for the window.</summary>
    public void CountServerError() => Interlocked.Increment(ref _errors);

    public RequestStats Read() => new(
        Interlocked.Read(ref _requests), Interlocked.Read(ref _cacheHits), Interlocked.Read(ref _cacheMisses),
        CacheErrors, Interlocked.Read(ref _errors));
}

/// <summary>Counts every error response, from handlers, limits, or the exception handler.</summary>
internal static class ErrorCounting
{
    /// <summary>Must be called first, because refusals count, too.</summary>
    public static void UseErrorCounting(this WebApplication app)
    {
        TelemetryWindow window = app.Services.GetRequiredService<TelemetryWindow>();
        TimeProvider time = app.Services.GetRequiredService<TimeProvider>();
        app.Use(async (http, next) =>
        {
            await next(http);
            if (ErrorKinds.OfStatus(http.Response.StatusCode) is { } kind && !http.Request.Path.IsProbe())
            {
                window.CountError(kind);
                window.Add(new FailedRequest(
                    time.GetUtcNow(), $"{http.Request.Method} {http.Request.Path}", http.Response.StatusCode, Errors.ReasonOf(http), http.TraceIdentifier));
            }
        });
    }
}

/// <summary>Kinds of errors on the telemetry page.</summary>
internal static class ErrorKinds
{
    public const string Cache = "cache"; // A Redis command failed
    public const string Model = "model"; // the model failed: the request was answered without it
    public const string Server = "server"; // answered with 5xx other than 503
    public const string Unavailable = "unavailable"; // answered with 503: no model yet, or too busy
    public const string Limited = "limited"; // answered with 429: over the rate limit of an address
    public const string Rejected = "rejected"; // answered with any other 4xx: the request was invalid

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

/// <summary>Section <c>RequestLog</c>.</summary>
internal sealed class RequestLogOptions
{
    public const string Section = "RequestLog";

    /// <summary>Share of the requests that are logged. Failures are always logged.</summary>
    [Range(0.0, 1.0)]
    public double Share { get; set; }
}

/// <summary>Logs a random sample of the requests: method, path, status, duration and id; no query, headers or body.</summary>
internal static class RequestLog
{
    public static void AddRequestLog(this WebApplicationBuilder builder)
    {
        builder.AddSettings<RequestLogOptions>(RequestLogOptions.Section);
        builder.Logging.AddFilter("Microsoft.AspNetCore.HttpLogging", LogLevel.Information);
        builder.Services.AddHttpLogging(logging =>
        {
            logging.LoggingFields = HttpLoggingFields.RequestMethod | HttpLoggingFields.RequestPath | HttpLoggingFields.ResponseStatusCode | HttpLoggingFields.Duration;
            logging.CombineLogs = true;
        });
        builder.Services.AddHttpLoggingInterceptor<RandomSample>();
    }

    /// <summary>Costs nothing if the share is 0.</summary>
    public static void UseRequestLog(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<RequestLogOptions>>().Value.Share > 0)
        {
            app.UseHttpLogging();
        }
    }

    private sealed class RandomSample(IOptions<RequestLogOptions> options) : IHttpLoggingInterceptor
    {
        public ValueTask OnRequestAsync(HttpLoggingInterceptorContext logContext)
        {
            if (Random.Shared.NextDouble() >= options.Value.Share)
            {
                logContext.LoggingFields = HttpLoggingFields.None;
            }

            return ValueTask.CompletedTask;
        }

        public ValueTask OnResponseAsync(HttpLoggingInterceptorContext logContext)
        {
            if (logContext.LoggingFields != HttpLoggingFields.None)
            {
                logContext.AddParameter("RequestId", logContext.HttpContext.TraceIdentifier); // not earlier, because the id is assigned during the request
            }

            return ValueTask.CompletedTask;
        }
    }
}
