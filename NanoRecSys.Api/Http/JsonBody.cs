using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace NanoRecSys.Api.Http;

/// <summary>Reads the JSON object in a request's body and reports problems as field errors.</summary>
internal static class JsonBody
{
    // A repeated name is ambiguous. nanoRecSys takes the last one, so its calls do, too.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>For nanoRecSys's calls: unknown fields are ignored.</summary>
    public static ValueTask<BodyFields> ReadAsync(HttpRequest request, CancellationToken cancellationToken) =>
        ReadAsync(request, default, cancellationToken);

    /// <summary>For NanoRecSys's own calls: no name may be repeated, and the caller must call <see cref="BodyFields.ForbidOthers"/>.</summary>
    public static ValueTask<BodyFields> ReadStrictAsync(HttpRequest request, CancellationToken cancellationToken) =>
        ReadAsync(request, Strict, cancellationToken);

    private static async ValueTask<BodyFields> ReadAsync(HttpRequest request, JsonDocumentOptions options, CancellationToken cancellationToken)
    {
        if (!request.HasJsonContentType())
        {
            // Text, a form, or no type: these can be sent by a page of another origin without a preflight.
            throw new BadHttpRequestException("The body must be JSON: send the header Content-Type: application/json.", StatusCodes.Status415UnsupportedMediaType);
        }

        if (request.Headers.ContentEncoding.ToString() is not ("" or "identity") and var encoding)
        {
            throw new BadHttpRequestException($"Compressed bodies are not supported: send it without Content-Encoding: {encoding}.", StatusCodes.Status415UnsupportedMediaType);
        }

        try
        {
            using JsonDocument document = await JsonDocument.ParseAsync(request.Body, options, cancellationToken);
            return BodyFields.Parse(WithReadableNames(document.RootElement.Clone()));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return BodyFields.Invalid(new FieldError(["body"], $"JSON decode error: {e.Message}", "json_invalid"));
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            // For example a chunk size beyond 32 bits, or a connection that ends early.
            throw new BadHttpRequestException($"The body could not be read: {e.Message}", e);
        }
    }

    /// <exception cref="InvalidOperationException">A name contains an escaped unpaired surrogate: valid JSON, but not text.</exception>
    private static JsonElement WithReadableNames(JsonElement element)
    {
        // Checked here, where it can be reported as an error of the body; otherwise a lookup of any other name would fail.
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty field in element.EnumerateObject())
            {
                _ = field.Name;
                WithReadableNames(field.Value);
            }
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in element.EnumerateArray())
            {
                WithReadableNames(item);
            }
        }

        return element;
    }
}

/// <summary>
/// Reads the fields of a JSON object and collects all errors, so that one response lists them all. If an optional field is absent or null, its value
/// is null, or for a list an empty one.
/// </summary>
internal sealed class BodyFields
{
    private readonly JsonElement _object;
    private readonly string[] _place; // path from the request to this object
    private readonly List<FieldError> _errors; // shared with nested objects
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    private BodyFields(JsonElement element, string[] place, List<FieldError> errors)
    {
        _object = element;
        _place = place;
        _errors = errors;
        if (element.ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined))
        {
            errors.Add(new FieldError(place, "Input should be a JSON object", "model_attributes_type"));
        }
    }

    public IReadOnlyList<FieldError> Errors => _errors;

    public static BodyFields Parse(JsonElement body) => new(body, ["body"], []);

    /// <summary>A body that is not valid JSON.</summary>
    public static BodyFields Invalid(FieldError error) => new(default, ["body"], [error]);

    public bool Has(string name) => TryFind(name, required: false, out _);

    public bool HasValue(string name) => TryFindValue(name, out _);

    public bool IsNull(string name) => TryFind(name, required: false, out JsonElement element) && element.ValueKind == JsonValueKind.Null;

    public bool IsEmptyList(string name) =>
        TryFind(name, required: false, out JsonElement element) && element.ValueKind == JsonValueKind.Array && element.GetArrayLength() == 0;

    /// <param name="fallback">Used if it is absent; null makes it required.</param>
    public int Int32(string name, int? fallback, int min = int.MinValue, int max = int.MaxValue)
    {
        if (!TryFind(name, required: fallback is null, out JsonElement element))
        {
            return fallback ?? 0;
        }

        if (!JsonValues.TryInt32(element, out int value))
        {
            _errors.Add(NotAnInteger(element, At(name), min, max));
        }
        else if (FieldError.OutOfRange(At(name), value, min, max) is { } error)
        {
            _errors.Add(error);
        }

        return value;
    }

    public EntityId Id(string name)
    {
        EntityId id = default;
        if (TryFind(name, required: true, out JsonElement element) && !JsonValues.TryId(element, out id))
        {
            _errors.Add(FieldError.NotAnId(At(name)));
        }

        return id;
    }

    public EntityId? OptionalId(string name) => HasValue(name) ? Id(name) : null;

    public int? OptionalInt32(string name, int min = int.MinValue, int max = int.MaxValue) =>
        HasValue(name) ? Int32(name, null, min, max) : null;

    public long? OptionalInt64(string name) =>
        Optional<long>(name, JsonValues.TryInt64, element => NotAnInteger(element, At(name), long.MinValue, long.MaxValue));

    public double? OptionalNumber(string name, double min, double max)
    {
        int known = _errors.Count;
        double? value = Optional<double>(name, JsonValues.TryDouble, _ => new FieldError(At(name), "Input should be a finite number", "finite_number"));
        if (known == _errors.Count && (value < min || value > max))
        {
            Refuse(name, $"Input should be {min} to {max}", "out_of_range");
        }

        return value;
    }

    /// <returns>Also null if it is not valid.</returns>
    public string? OptionalText(string name, int maxLength)
    {
        if (!TryFindValue(name, out JsonElement element))
        {
            return null;
        }

        if (!JsonValues.TryText(element, out string value))
        {
            _errors.Add(new FieldError(At(name), "Input should be a valid string", "string_type"));
            return null;
        }

        if (value.Length == 0 || value.Length > maxLength)
        {
            Refuse(name, $"String should have 1 to {maxLength} characters, not {value.Length}", value.Length == 0 ? "string_too_short" : "string_too_long");
            return null;
        }

        return value;
    }

    public string Text(string name, int maxLength)
    {
        if (!HasValue(name))
        {
            Refuse(name, "Field required", "missing");
        }

        return OptionalText(name, maxLength) ?? "";
    }

    /// <summary>Reads a time in ISO 8601, or in seconds since 1970.</summary>
    public DateTimeOffset? OptionalTime(string name) => Optional<DateTimeOffset>(
        name, JsonTime.TryRead,
        _ => new FieldError(At(name), "Input should be a time: ISO 8601 such as 2026-01-31T12:00:00Z, or seconds since 1970", "datetime_type"));

    /// <summary>A required number or text or, if several are allowed, a list of 1 to <paramref name="maxCount"/>.</summary>
    public IReadOnlyList<ConditionValue> Values(string name, int maxCount, int maxLength)
    {
        bool TryRead(JsonElement item, out ConditionValue value)
        {
            bool isNumber = JsonValues.TryDouble(item, out double number);
            bool isText = JsonValues.TryText(item, out string text) && text.Length > 0 && text.Length <= maxLength;
            value = isNumber ? number : text;
            return isNumber || isText;
        }

        return List<ConditionValue>(
            maxCount > 1 ? Items(name, maxCount) : TryFind(name, required: true, out JsonElement element) ? [element] : [], name, TryRead,
            (_, place) => new FieldError(maxCount > 1 ? place : At(name), $"Input should be a finite number or a string of 1 to {maxLength} characters", "type_error"));
    }

    public bool Boolean(string name, bool fallback)
    {
        if (!TryFind(name, required: false, out JsonElement element))
        {
            return fallback;
        }

        if (element.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            _errors.Add(new FieldError(At(name), "Input should be a valid boolean", "bool_type"));
            return fallback;
        }

        return element.GetBoolean();
    }

    /// <summary>A required list of 1 to <paramref name="maxCount"/> ids.</summary>
    public IReadOnlyList<EntityId> IdList(string name, int maxCount) =>
        List<EntityId>(Items(name, maxCount), name, JsonValues.TryId, (_, place) => FieldError.NotAnId(place));

    public IReadOnlyList<EntityId> OptionalIdList(string name, int maxCount) => HasValue(name) ? IdList(name, maxCount) : [];

    public IReadOnlyList<long> OptionalInt64List(string name, int maxCount) => !HasValue(name) ? [] : List<long>(
        Items(name, maxCount), name, JsonValues.TryInt64, (item, place) => NotAnInteger(item, place, long.MinValue, long.MaxValue));

    public IReadOnlyList<string> OptionalTextList(string name, int maxCount, int maxLength) => !HasValue(name) ? [] : List(
        Items(name, maxCount), name,
        (JsonElement item, out string value) => JsonValues.TryText(item, out value) && value.Length > 0 && value.Length <= maxLength,
        (_, place) => new FieldError(place, $"Input should be a string of 1 to {maxLength} characters", "string_type"));

    /// <summary>A nested object, which reports its errors here.</summary>
    public BodyFields? OptionalObject(string name) => TryFindValue(name, out JsonElement element) ? new BodyFields(element, At(name), _errors) : null;

    public IReadOnlyList<BodyFields> OptionalObjects(string name, int maxCount) => HasValue(name) ? Objects(name, maxCount) : [];

    /// <summary>A required list of 1 to <paramref name="maxCount"/> objects, which report their errors here.</summary>
    public IReadOnlyList<BodyFields> Objects(string name, int maxCount) =>
        [.. Items(name, maxCount).Select((item, i) => new BodyFields(item, At(name, i), _errors))];

    /// <summary>A required list of 1 to <paramref name="maxCount"/> objects, each with its own errors: an invalid one leaves the others valid.</summary>
    public IReadOnlyList<BodyFields> Rows(string name, int maxCount) =>
        [.. Items(name, maxCount).Select((item, i) => new BodyFields(item, At(name, i), []))];

    /// <summary>Reports a field as invalid for a reason that only the caller knows.</summary>
    public void Refuse(string name, string message, string type) => _errors.Add(new FieldError(At(name), message, type));

    /// <summary>Reports every field that was not read: NanoRecSys's own calls never ignore a field silently.</summary>
    public void ForbidOthers()
    {
        if (_object.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (JsonProperty field in _object.EnumerateObject().Where(field => !_asked.Contains(field.Name)))
        {
            Refuse(field.Name, $"Unknown field; there are {string.Join(", ", _asked.Order(StringComparer.Ordinal))}", "extra_forbidden");
        }
    }

    /// <summary>The object as received.</summary>
    public string RawText => _object.ValueKind == JsonValueKind.Object ? _object.GetRawText() : "";

    public IEnumerable<JsonProperty> Fields() => _object.ValueKind == JsonValueKind.Object ? _object.EnumerateObject() : [];

    private delegate bool TryRead<T>(JsonElement element, out T value);

    private T? Optional<T>(string name, TryRead<T> read, Func<JsonElement, FieldError> wrong)
        where T : struct
    {
        if (!TryFindValue(name, out JsonElement element))
        {
            return null;
        }

        if (!read(element, out T value))
        {
            _errors.Add(wrong(element));
        }

        return value;
    }

    private List<T> List<T>(JsonElement[] items, string name, TryRead<T> read, Func<JsonElement, string[], FieldError> wrong)
    {
        var values = new List<T>(items.Length);
        foreach (JsonElement item in items)
        {
            if (!read(item, out T value))
            {
                _errors.Add(wrong(item, At(name, values.Count)));
            }

            values.Add(value);
        }

        return values;
    }

    private JsonElement[] Items(string name, int maxCount)
    {
        if (!TryFind(name, required: true, out JsonElement element))
        {
            return [];
        }

        if (element.ValueKind != JsonValueKind.Array)
        {
            _errors.Add(new FieldError(At(name), "Input should be a valid list", "list_type"));
            return [];
        }

        int count = element.GetArrayLength();
        if (count == 0 || count > maxCount)
        {
            Refuse(name, $"List should have 1 to {maxCount} items, not {count}", count == 0 ? "too_short" : "too_long");
            return [];
        }

        return [.. element.EnumerateArray()];
    }

    private bool TryFind(string name, bool required, out JsonElement element)
    {
        _asked.Add(name);
        element = default;
        if (_object.ValueKind != JsonValueKind.Object)
        {
            return false; // reported once, for the whole object
        }

        bool found = _object.TryGetProperty(name, out element);
        if (!found && required)
        {
            _errors.Add(new FieldError(At(name), "Field required", "missing"));
        }

        return found;
    }

    private bool TryFindValue(string name, out JsonElement element) =>
        TryFind(name, required: false, out element) && element.ValueKind != JsonValueKind.Null;

    private static FieldError NotAnInteger(JsonElement element, string[] at, long min, long max) =>
        JsonValues.IsWhole(element) ? FieldError.TooLarge(at, min, max) : FieldError.NotAnInteger(at);

    private string[] At(string name) => [.. _place, name];

    private string[] At(string name, int index) => [.. _place, name, $"{index}"];
}

/// <summary>Reads numbers and text from JSON, as leniently as nanoRecSys: integers may also be <c>5.0</c> or <c>"5"</c>.</summary>
internal static class JsonValues
{
    // Doubles represent every integer up to here exactly.
    private const double LargestExact = 1L << 53;

    public static bool TryId(JsonElement element, out EntityId id)
    {
        id = default;
        if (element.ValueKind == JsonValueKind.Number && TryInt64(element, out long number))
        {
            id = number;
            return true;
        }

        return TryText(element, out string text) && EntityId.TryParse(text, out id);
    }

    public static bool TryInt32(JsonElement element, out int value)
    {
        bool isNumber = TryInt64(element, out long wide) && wide is >= int.MinValue and <= int.MaxValue;
        value = isNumber ? (int)wide : 0;
        return isNumber;
    }

    public static bool TryInt64(JsonElement element, out long value)
    {
        value = 0;
        switch (element.ValueKind)
        {
            case JsonValueKind.Number when element.TryGetInt64(out value):
                return true;
            case JsonValueKind.Number when element.TryGetDouble(out double number) && number == Math.Floor(number) && Math.Abs(number) <= LargestExact:
                value = (long)number;
                return true;
            case JsonValueKind.String:
                // Reads the raw bytes, which need not be valid text.
                return long.TryParse(JsonMarshal.GetRawUtf8Value(element)[1..^1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
            default:
                return false;
        }
    }

    /// <summary>Whether it is an integer of any size.</summary>
    public static bool IsWhole(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Number => element.TryGetDouble(out double number) && number == Math.Floor(number),
        JsonValueKind.String => JsonMarshal.GetRawUtf8Value(element)[1..^1] is var text && text.ContainsAnyInRange((byte)'0', (byte)'9')
            && !text[(text[0] == '-' ? 1 : 0)..].ContainsAnyExceptInRange((byte)'0', (byte)'9'),
        _ => false,
    };

    /// <returns>False if it is not a number, or is too large for one.</returns>
    public static bool TryDouble(JsonElement element, out double value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out value) && double.IsFinite(value);
    }

    /// <returns>False if it is not a string, or contains an unpaired surrogate.</returns>
    public static bool TryText(JsonElement element, out string value)
    {
        value = "";
        if (element.ValueKind != JsonValueKind.String)
        {
            return false;
        }

        try
        {
            value = element.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}

/// <summary>Times in ISO 8601, in UTC if they have no zone, or in seconds since 1970.</summary>
internal static class JsonTime
{
    private static readonly double Last = DateTimeOffset.MaxValue.ToUnixTimeSeconds();

    public static bool TryRead(JsonElement element, out DateTimeOffset time)
    {
        time = default;
        if (JsonValues.TryDouble(element, out double seconds) && Math.Abs(seconds) <= Last && seconds >= DateTimeOffset.MinValue.ToUnixTimeSeconds())
        {
            time = DateTimeOffset.FromUnixTimeSeconds((long)seconds);
            return true;
        }

        return JsonValues.TryText(element, out string text) && IsoTime.TryParse(text, out time);
    }
}
