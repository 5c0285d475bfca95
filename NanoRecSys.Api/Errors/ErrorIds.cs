namespace NanoRecSys.Api.Errors;

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
