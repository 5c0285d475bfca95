using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.ML.OnnxRuntime;

namespace NanoRecSys.Api.Http;

/// <summary>Gives every failed request a JSON body with <c>detail</c> and <c>request_id</c>, never a stack trace.</summary>
internal static class Errors
{
    private const int MaxReason = 300; // characters
    private static readonly object ReasonKey = new();
    private static long lastTraced; // ticks

    public static void UseErrors(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = WriteExceptionAsync,
            SuppressDiagnosticsCallback = _ => true, // logged below, with the request's id
        });
        app.UseStatusCodePages(context =>
        {
            int status = context.HttpContext.Response.StatusCode;
            return context.HttpContext.WriteErrorAsync(status, ReasonPhrases.GetReasonPhrase(status));
        });
    }

    /// <summary>The error message in the response to a failed request; null if there is none.</summary>
    public static string? ReasonOf(HttpContext http) => http.Items.TryGetValue(ReasonKey, out object? reason) ? (string?)reason : null;

    /// <summary>Keeps the reason for <see cref="ReasonOf"/>.</summary>
    public static void KeepReason(this HttpContext http, string reason) =>
        http.Items[ReasonKey] = reason.Length <= MaxReason ? reason : string.Concat(reason.AsSpan(0, MaxReason), "…");

    /// <summary>Writes one sentence as the whole response.</summary>
    public static Task WriteErrorAsync(this HttpContext http, int status, string detail)
    {
        http.KeepReason(detail);
        http.Response.StatusCode = status;
        return http.Response.WriteAsJsonAsync(new PlainError(detail) { RequestId = http.TraceIdentifier }, ApiJson.Default.PlainError);
    }

    private static Task WriteExceptionAsync(HttpContext http)
    {
        Security.WriteHeaders(http);
        RequestCounters counters = http.RequestServices.GetRequiredService<RequestCounters>();
        IExceptionHandlerFeature failure = http.Features.Get<IExceptionHandlerFeature>()!;
        switch (failure.Error)
        {
            // Kestrel's own errors about a request, such as a body that is too large, are the client's fault and not logged.
            case BadHttpRequestException bad:
                return http.WriteErrorAsync(bad.StatusCode, bad.Message);

            // A call that cannot be answered without the network. Recommendations can, and never get here.
            case OnnxRuntimeException:
                counters.CountModelError();
                Log(http, failure);
                return http.WriteErrorAsync(StatusCodes.Status503ServiceUnavailable, "The model failed on this request; the log has the reason.");

            default:
                counters.CountServerError();
                Log(http, failure);
                return http.WriteErrorAsync(StatusCodes.Status500InternalServerError, "Internal error.");
        }
    }

    // One line each, so that every id can be found, but at most one stack trace per second, so that no client can fill the disk with them.
    private static void Log(HttpContext http, IExceptionHandlerFeature failure)
    {
        long now = Environment.TickCount64;
        long last = Interlocked.Read(ref lastTraced);
        bool isTraced = now - last >= 1000 && Interlocked.CompareExchange(ref lastTraced, now, last) == last;
        http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(Errors)).LogError(
            isTraced ? failure.Error : null, "Request {RequestId} to {Endpoint} failed: {Reason}", http.TraceIdentifier, failure.Endpoint?.DisplayName, failure.Error.Message);
    }
}

/// <summary>Body of every error response.</summary>
internal abstract record ErrorBody
{
    /// <summary>Same as in the header <c>X-Request-Id</c> and in the log.</summary>
    public string? RequestId { get; set; }
}

/// <summary>Body of a 422: the errors of each field.</summary>
internal sealed record FieldErrors(IReadOnlyList<FieldError> Detail) : ErrorBody;

/// <summary>Body of a 503 before the first model is served.</summary>
internal sealed record NotReadyError(NotReady Detail) : ErrorBody;

/// <param name="Status">Always <c>not_ready</c>.</param>
/// <param name="Errors">Why there is no model.</param>
/// <param name="Warnings">Other problems.</param>
internal sealed record NotReady(string Status, IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings);

/// <summary>Body of every other error: one sentence.</summary>
internal sealed record PlainError(string Detail) : ErrorBody;

/// <summary>Writes the request's id into every error returned by a handler, and answers 503 if Redis is unavailable, full or refuses writes.</summary>
internal sealed class HandlerErrors : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        object? answer;
        try
        {
            answer = await next(context);
        }
        catch (EventStoreException e)
        {
            context.HttpContext.Response.Headers.RetryAfter = "1";
            answer = TypedResults.Json(new PlainError(e.Message), statusCode: StatusCodes.Status503ServiceUnavailable);
        }

        object? result = answer;
        while (result is INestedHttpResult nested)
        {
            result = nested.Result;
        }

        if (result is IValueHttpResult { Value: ErrorBody error })
        {
            error.RequestId = context.HttpContext.TraceIdentifier;
            context.HttpContext.KeepReason(error switch
            {
                FieldErrors fields => string.Join(" ", fields.Detail.Select(field => $"{string.Join('.', field.Loc)}: {field.Msg}")),
                PlainError plain => plain.Detail,
                NotReadyError notReady => string.Join(" ", notReady.Detail.Errors),
                _ => "",
            });
        }

        return answer;
    }
}
