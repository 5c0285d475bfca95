using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Errors;

/// <summary>Names every query parameter that a call does not have: on calls that are ours nothing is ignored silently.</summary>
internal static class UnknownParameters
{
    public static EndpointFilterDelegate Refuse(EndpointFilterFactoryContext endpoint, EndpointFilterDelegate next)
    {
        string[] texts = [.. endpoint.MethodInfo.GetParameters().Where(parameter => parameter.ParameterType == typeof(string)).Select(parameter => parameter.Name!)];
        return context =>
        {
            HttpRequest request = context.HttpContext.Request;
            string[] known = [.. texts.Where(name => !request.RouteValues.ContainsKey(name))];
            FieldError[] unknown = [.. request.Query.Keys
                .Except(known, StringComparer.OrdinalIgnoreCase)
                .Select(name => new FieldError(["query", name], known.Length == 0 ? "Unknown parameter; there are none" : $"Unknown parameter; there are {string.Join(", ", known)}", "extra_forbidden"))];
            return unknown.Length == 0 ? next(context) : ValueTask.FromResult<object?>(TypedResults.UnprocessableEntity(new FieldErrors(unknown)));
        };
    }
}
