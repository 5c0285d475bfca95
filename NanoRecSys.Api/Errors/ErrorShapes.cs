using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.WebUtilities;

namespace NanoRecSys.Api.Errors;

/// <summary>Gives every failed request a JSON body with <c>detail</c>, never a stack trace.</summary>
internal static class ErrorShapes
{
    public static void UseErrorShapes(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions { ExceptionHandler = WriteExceptionAsync, AllowStatusCode404Response = true });
        app.UseStatusCodePages(context => WriteAsync(
            context.HttpContext, context.HttpContext.Response.StatusCode,
            new PlainError(ReasonPhrases.GetReasonPhrase(context.HttpContext.Response.StatusCode))));
    }

    private static Task WriteExceptionAsync(HttpContext context)
    {
        Exception? error = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        return error switch
        {
            // Kestrel's own complaints about a request: too large a body, a header it cannot read.
            BadHttpRequestException bad => WriteAsync(context, bad.StatusCode, new PlainError(bad.Message)),
            // The exception itself is in the log under this id.
            _ => WriteAsync(context, StatusCodes.Status500InternalServerError, new PlainError("Internal error.", context.TraceIdentifier)),
        };
    }

    private static Task WriteAsync(HttpContext context, int status, PlainError body)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(body, ApiJson.Default.PlainError);
    }
}
