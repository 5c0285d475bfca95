using NanoRecSys.Api.Errors;

namespace NanoRecSys.Api.Security;

/// <summary>Lets a call through only with a key of the role, where the settings name any key.</summary>
internal sealed class RequiresKey(KeyRole role) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpContext http = context.HttpContext;
        ApiKeys keys = http.RequestServices.GetRequiredService<ApiKeys>();
        if (!keys.AreRequired)
        {
            return await next(context);
        }

        string? key = http.Request.Headers[ApiKeys.Header];
        KeyRole has = keys.RoleOf(key);
        if (has >= role)
        {
            return await next(context);
        }

        int status = has == KeyRole.None ? StatusCodes.Status401Unauthorized : StatusCodes.Status403Forbidden;
        return TypedResults.Json(
            new PlainError(has == KeyRole.None ? $"This call needs a key in the header {ApiKeys.Header}." : "This key may write, not administrate."),
            statusCode: status);
    }
}
