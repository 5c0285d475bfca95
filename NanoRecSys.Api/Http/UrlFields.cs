using System.Globalization;
using System.Numerics;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Primitives;

namespace NanoRecSys.Api.Http;

/// <summary>Reads values from the path and the query and collects their errors.</summary>
internal sealed class UrlFields
{
    private readonly List<FieldError> _errors = [];

    public IReadOnlyList<FieldError> Errors => _errors;

    /// <summary>The id in a path such as <c>/items/{id}</c>.</summary>
    public EntityId PathId(string text) => Id("path", "id", text);

    /// <param name="text">As received; null if absent.</param>
    /// <returns>Null if absent.</returns>
    public EntityId? QueryId(string name, string? text) => string.IsNullOrEmpty(text) ? null : Id("query", name, text);

    /// <param name="text">As received; null if absent.</param>
    /// <param name="fallback">Used if absent.</param>
    public int Int32(string name, string? text, int fallback, int min, int max)
    {
        if (string.IsNullOrEmpty(text))
        {
            return fallback;
        }

        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value))
        {
            bool isWhole = BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);
            _errors.Add(isWhole ? FieldError.TooLarge(["query", name], min, max) : FieldError.NotAnInteger(["query", name]));
            return fallback;
        }

        if (FieldError.OutOfRange(["query", name], value, min, max) is { } error)
        {
            _errors.Add(error);
        }

        return value;
    }

    /// <summary>Ids separated by commas; if the parameter is repeated, each value is one id, which may contain commas.</summary>
    public EntityId[] IdList(string name, StringValues texts, int max)
    {
        string[] parts = texts.Count > 1 ? [.. texts.Where(text => !string.IsNullOrEmpty(text)).Select(text => text!)]
            : texts.ToString().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (parts.Length > max)
        {
            _errors.Add(new FieldError(["query", name], $"List should have at most {max} items", "too_long"));
            return [];
        }

        return [.. parts.Select(part => Id("query", name, part))];
    }

    /// <summary>Empty if absent.</summary>
    public string Text(string name, string? text, int max)
    {
        if (text?.Length > max)
        {
            _errors.Add(new FieldError(["query", name], $"String should have at most {max} characters", "string_too_long"));
        }

        return text ?? "";
    }

    private EntityId Id(string place, string name, string text)
    {
        if (!EntityId.TryParse(text, out EntityId id))
        {
            _errors.Add(FieldError.NotAnId([place, name]));
        }

        return id;
    }
}

/// <summary>Reports query parameters that a call does not have, or that are repeated: NanoRecSys's own calls never ignore one silently.</summary>
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
            unknown = [.. unknown, .. request.Query.Where(parameter => parameter.Value.Count > 1 && parameter.Key != "ids")
                .Select(parameter => new FieldError(["query", parameter.Key], "Given more than once", "too_long"))];
            return unknown.Length == 0 ? next(context) : ValueTask.FromResult<object?>(TypedResults.UnprocessableEntity(new FieldErrors(unknown)));
        };
    }
}

/// <summary>
/// Provides the ids and keys of a path as sent. Kestrel decodes a path except for <c>%2F</c>, so that its text does not distinguish <c>a/b</c>
/// (<c>a%2Fb</c>) from <c>a%2Fb</c> (<c>a%252Fb</c>). This class therefore reads the request target and decodes each segment once.
/// </summary>
internal static class PathIds
{
    private static readonly string[] Names = ["id", "key"];

    public static EndpointFilterDelegate Decode(EndpointFilterFactoryContext endpoint, EndpointFilterDelegate next)
    {
        (int Argument, string Name)[] read = [.. endpoint.MethodInfo.GetParameters()
            .Where(parameter => parameter.ParameterType == typeof(string) && Names.Contains(parameter.Name))
            .Select(parameter => (parameter.Position, parameter.Name!))];
        return read.Length == 0 ? next : context =>
        {
            foreach ((int argument, string name) in read)
            {
                context.Arguments[argument] = Read(context.HttpContext, name) ?? context.Arguments[argument];
            }

            return next(context);
        };
    }

    // Null if the target does not match the route, for example because it has dot segments.
    private static string? Read(HttpContext http, string name)
    {
        RoutePattern? route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern;
        string target = http.Features.Get<IHttpRequestFeature>()!.RawTarget;
        if (route is null || !target.StartsWith('/'))
        {
            return null;
        }

        string[] segments = target.Split('?')[0].TrimStart('/').Split('/');
        int place = Enumerable.Range(0, route.PathSegments.Count).First(i => route.PathSegments[i].Parts is [RoutePatternParameterPart part] && part.Name == name);
        return segments.Length == route.PathSegments.Count ? Uri.UnescapeDataString(segments[place]) : null;
    }
}
