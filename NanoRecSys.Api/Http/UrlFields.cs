using System.Globalization;
using System.Numerics;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Http;

/// <summary>Reads numbers from the path and the query, and collects what is wrong with them.</summary>
internal sealed class UrlFields
{
    private readonly List<FieldError> _errors = [];

    public IReadOnlyList<FieldError> Errors => _errors;

    /// <param name="place"><c>path</c> or <c>query</c>.</param>
    /// <param name="name">The field's name.</param>
    /// <param name="text">As received; null if absent.</param>
    /// <param name="fallback">Used if absent.</param>
    /// <param name="min">Smallest value allowed.</param>
    /// <param name="max">Largest value allowed.</param>
    public int Int32(string place, string name, string? text, int fallback, int min = int.MinValue, int max = int.MaxValue)
    {
        if (string.IsNullOrEmpty(text))
        {
            return fallback;
        }

        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value))
        {
            bool isWhole = BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);
            _errors.Add(isWhole ? FieldError.TooLarge([place, name], min, max) : FieldError.NotAnInteger([place, name]));
            return fallback;
        }

        if (FieldError.OutOfRange([place, name], value, min, max) is { } error)
        {
            _errors.Add(error);
        }

        return value;
    }

    /// <inheritdoc cref="Int32" path="/param"/>
    public EntityId Id(string place, string name, string text)
    {
        if (!EntityId.TryParse(text, out EntityId id))
        {
            _errors.Add(FieldError.NotAnId([place, name]));
        }

        return id;
    }

    /// <summary>Ids separated by commas.</summary>
    /// <inheritdoc cref="Int32" path="/param"/>
    public EntityId[] IdList(string place, string name, string text, int max)
    {
        string[] parts = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (parts.Length > max)
        {
            _errors.Add(new FieldError([place, name], $"List should have at most {max} items", "too_long"));
            return [];
        }

        return [.. parts.Select(part => Id(place, name, part))];
    }

    /// <summary>Empty if absent.</summary>
    /// <inheritdoc cref="Int32" path="/param"/>
    public string Text(string place, string name, string? text, int max)
    {
        if (text?.Length > max)
        {
            _errors.Add(new FieldError([place, name], $"String should have at most {max} characters", "string_too_long"));
        }

        return text ?? "";
    }
}

/// <summary>Names every query parameter that a call does not have: NanoRecSys' own calls ignore nothing silently.</summary>
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
