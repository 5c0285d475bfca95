using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.HttpLogging;

namespace NanoRecSys.Api.Telemetry;

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
