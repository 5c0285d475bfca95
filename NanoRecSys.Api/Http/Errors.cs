using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Api.Security;
using NanoRecSys.Api.Status;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Errors;

/// <summary>Gives every failed request a JSON body with <c>detail</c>, never a stack trace.</summary>
internal static class ErrorShapes
{
    public static void UseErrorShapes(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = WriteExceptionAsync,
            // A bad request is the client's mistake: answered, not logged as ours.
            SuppressDiagnosticsCallback = context => context.Exception is BadHttpRequestException,
        });
        app.UseStatusCodePages(context => WriteAsync(
            context.HttpContext, context.HttpContext.Response.StatusCode,
            new PlainError(ReasonPhrases.GetReasonPhrase(context.HttpContext.Response.StatusCode))));
    }

    private static Task WriteExceptionAsync(HttpContext context)
    {
        ResponseHeaders.Write(context);
        RequestCounters counters = context.RequestServices.GetRequiredService<RequestCounters>();
        switch (context.Features.Get<IExceptionHandlerFeature>()?.Error)
        {
            // Kestrel's own complaints about a request: too large a body, a length that is not kept.
            case BadHttpRequestException bad:
                return WriteAsync(context, bad.StatusCode, new PlainError(bad.Message));

            // Of a call that has nothing to answer without the network; recommendations have, and do not come here.
            case OnnxRuntimeException:
                counters.CountModelError();
                return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, new PlainError("The model failed on this request; the log has the reason."));

            // The exception itself is in the log, with this id in its scope.
            default:
                counters.CountServerError();
                return WriteAsync(context, StatusCodes.Status500InternalServerError, new PlainError("Internal error."));
        }
    }

    private static Task WriteAsync(HttpContext context, int status, PlainError body)
    {
        context.Response.StatusCode = status;
        body.RequestId = context.TraceIdentifier;
        return context.Response.WriteAsJsonAsync(body, ApiJson.Default.PlainError);
    }
}

/// <summary>Body of every answer that is no success.</summary>
internal abstract record ErrorBody
{
    /// <summary>As in the header <c>X-Request-Id</c> and in the log.</summary>
    public string? RequestId { get; set; }
}

/// <summary>Body of a 422: what is wrong with which field.</summary>
internal sealed record FieldErrors(IReadOnlyList<FieldError> Detail) : ErrorBody;

/// <summary>Body of a 503 before the first model is served.</summary>
internal sealed record NotReadyError(NotReady Detail) : ErrorBody;

/// <param name="Status">Always <c>not_ready</c>.</param>
/// <param name="Errors">Why there is no model.</param>
/// <param name="Warnings">What else is not as it should be.</param>
internal sealed record NotReady(string Status, IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings);

/// <summary>Body of every other error: one sentence.</summary>
internal sealed record PlainError(string Detail) : ErrorBody;

/// <summary>Writes the request's id into every error that a handler answers with.</summary>
internal sealed class ErrorIds : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        object? answer = await next(context);
        object? result = answer;
        while (result is INestedHttpResult nested)
        {
            result = nested.Result;
        }

        if (result is IValueHttpResult { Value: ErrorBody error })
        {
            error.RequestId = context.HttpContext.TraceIdentifier;
        }

        return answer;
    }
}
