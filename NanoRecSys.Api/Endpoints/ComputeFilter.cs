using Microsoft.AspNetCore.Http.HttpResults;

namespace NanoRecSys.Api.Endpoints;

/// <summary>Look-ups that compute share the limit of recommendations, so that no kind of call can stall the service.</summary>
internal sealed class ComputeFilter(ComputeLimiter limiter) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        using IDisposable? permit = await limiter.EnterAsync();
        return permit is null ? Busy(context.HttpContext) : await next(context);
    }

    /// <summary>The response to a request that found the queue full.</summary>
    public static JsonHttpResult<PlainError> Busy(HttpContext http)
    {
        http.Response.Headers.RetryAfter = "1";
        return TypedResults.Json(new PlainError("Too many requests wait to be computed. Ask again."), statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}
