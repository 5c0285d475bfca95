using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace NanoRecSys.Api.Errors;

/// <summary>
/// Reads the fields of a JSON body and gathers everything that is wrong with them, so that one answer names it all.
/// As lenient with numbers as the original: whole ones also as <c>5.0</c> or <c>"5"</c>, unknown fields ignored.
/// </summary>
internal sealed class BodyFields
{
    private readonly JsonElement _body;
    private readonly List<FieldError> _errors = [];

    private BodyFields(JsonElement body) => _body = body;

    public IReadOnlyList<FieldError> Errors => _errors;

    public static async ValueTask<BodyFields> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            using JsonDocument document = await JsonDocument.ParseAsync(request.Body, default, cancellationToken);
            return Parse(WithReadableNames(document.RootElement.Clone()));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            var fields = new BodyFields(default);
            fields._errors.Add(new FieldError(["body"], $"JSON decode error: {e.Message}", "json_invalid"));
            return fields;
        }
    }

    /// <exception cref="InvalidOperationException">A name holds half a surrogate pair, escaped: valid JSON, but no text.</exception>
    private static JsonElement WithReadableNames(JsonElement body)
    {
        if (body.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty field in body.EnumerateObject())
            {
                _ = field.Name; // read here, where it is an error of the body: a look-up of another name would read it, too
            }
        }

        return body;
    }

    public static BodyFields Parse(JsonElement body)
    {
        var fields = new BodyFields(body);
        if (body.ValueKind != JsonValueKind.Object)
        {
            fields._errors.Add(new FieldError(["body"], "Input should be a JSON object", "model_attributes_type"));
        }

        return fields;
    }

    /// <param name="name">The field's name.</param>
    /// <param name="fallback">Taken where it is absent; null makes it required.</param>
    /// <param name="min">Smallest value allowed.</param>
    /// <param name="max">Largest value allowed.</param>
    public int Int32(string name, int? fallback, int min = int.MinValue, int max = int.MaxValue)
    {
        if (!TryFind(name, required: fallback is null, out JsonElement element))
        {
            return fallback ?? 0;
        }

        if (!TryInt32(element, out int value))
        {
            _errors.Add(FieldError.NotAnInteger(["body", name]));
        }
        else if (FieldError.OutOfRange(["body", name], value, min, max) is { } error)
        {
            _errors.Add(error);
        }

        return value;
    }

    public bool Boolean(string name, bool fallback)
    {
        if (!TryFind(name, required: false, out JsonElement element))
        {
            return fallback;
        }

        if (element.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            _errors.Add(new FieldError(["body", name], "Input should be a valid boolean", "bool_type"));
            return fallback;
        }

        return element.GetBoolean();
    }

    /// <summary>A required list of 1 to <paramref name="maxCount"/> whole numbers.</summary>
    public IReadOnlyList<int> Int32List(string name, int maxCount)
    {
        if (!TryFind(name, required: true, out JsonElement element))
        {
            return [];
        }

        if (element.ValueKind != JsonValueKind.Array)
        {
            _errors.Add(new FieldError(["body", name], "Input should be a valid list", "list_type"));
            return [];
        }

        int count = element.GetArrayLength();
        if (count == 0 || count > maxCount)
        {
            _errors.Add(new FieldError(["body", name], $"List should have 1 to {maxCount} items, not {count}", count == 0 ? "too_short" : "too_long"));
            return [];
        }

        var values = new List<int>(count);
        foreach (JsonElement item in element.EnumerateArray())
        {
            if (!TryInt32(item, out int value))
            {
                _errors.Add(FieldError.NotAnInteger(["body", name, values.Count.ToString(CultureInfo.InvariantCulture)]));
            }

            values.Add(value);
        }

        return values;
    }

    private bool TryFind(string name, bool required, out JsonElement element)
    {
        element = default;
        if (_body.ValueKind != JsonValueKind.Object)
        {
            return false; // said once, about the whole body
        }

        bool found = _body.TryGetProperty(name, out element);
        if (!found && required)
        {
            _errors.Add(new FieldError(["body", name], "Field required", "missing"));
        }

        return found;
    }

    private static bool TryInt32(JsonElement element, out int value)
    {
        value = 0;
        switch (element.ValueKind)
        {
            case JsonValueKind.Number when element.TryGetInt32(out value):
                return true;
            case JsonValueKind.Number when element.TryGetDouble(out double number) && number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue:
                value = (int)number;
                return true;
            case JsonValueKind.String:
                // Its bytes as they came: they need not be valid text.
                return int.TryParse(JsonMarshal.GetRawUtf8Value(element)[1..^1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
            default:
                return false;
        }
    }
}
