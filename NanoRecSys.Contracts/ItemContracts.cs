using System.Globalization;

namespace NanoRecSys.Contracts;

/// <summary>An item as shown by every call except <c>POST /recommend</c> and <c>POST /recommend/session</c>.</summary>
/// <param name="ItemId">The id in the data set.</param>
/// <param name="Title">The id if the data has no titles.</param>
/// <param name="Categories">Empty if unknown.</param>
public record ItemInfo(EntityId ItemId, string Title, IReadOnlyList<string> Categories)
{
    /// <summary>By name: numbers, strings, lists of strings, and times in ISO 8601. Omitted if there are none.</summary>
    [JsonConverter(typeof(ShownAttributesConverter))]
    public IReadOnlyDictionary<string, AttributeValue>? Attributes { get; init; }

    public string? ImageUrl { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>The item is not recommended before this time.</summary>
    public DateTimeOffset? AvailableFrom { get; init; }

    /// <summary>The item is not recommended from this time on.</summary>
    public DateTimeOffset? AvailableUntil { get; init; }

    /// <summary>True if it is never recommended; otherwise omitted.</summary>
    public bool? Hidden { get; init; }
}

/// <summary>
/// Body of <c>POST /items</c>, <c>PUT /items/{id}</c> and <c>PATCH /items/{id}</c>. PATCH changes only the fields that are present; null
/// removes a field's value, and <c>attributes</c> are changed individually.
/// </summary>
public sealed record ItemRequest
{
    /// <summary>Only for <c>POST</c>. Alias: <c>movie_id</c>.</summary>
    public EntityId? ItemId { get; init; }

    /// <summary>Required except in a <c>PATCH</c>. In a film catalog, whose items have a year, the form is <c>Matrix, The (1999)</c>.</summary>
    public string? Title { get; init; }

    /// <summary>Alias: <c>genres</c>.</summary>
    public IReadOnlyList<string>? Categories { get; init; }

    /// <inheritdoc cref="ItemInfo.Attributes"/>
    [JsonConverter(typeof(ShownAttributesConverter))]
    public IReadOnlyDictionary<string, AttributeValue>? Attributes { get; init; }

    /// <summary>http or https.</summary>
    public string? ImageUrl { get; init; }

    /// <summary>ISO 8601 with a zone, or seconds since 1970, like the other times.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <inheritdoc cref="ItemInfo.AvailableFrom"/>
    public DateTimeOffset? AvailableFrom { get; init; }

    /// <inheritdoc cref="ItemInfo.AvailableUntil"/>
    public DateTimeOffset? AvailableUntil { get; init; }

    public bool? Hidden { get; init; }
}

/// <summary>Answer of the calls that write an item.</summary>
/// <param name="Stored">False if nothing changed.</param>
/// <param name="Item">The item as it will be shown.</param>
/// <param name="Recommendable">
/// Whether the served model can recommend it: it was trained with it, or can place it by its data. Otherwise the item waits for the next training.
/// </param>
/// <param name="RequestId">The request's id, also in the log.</param>
public sealed record ItemReceipt(bool Stored, ItemInfo Item, bool Recommendable, string RequestId);

/// <summary>Answer of <c>DELETE /items/{id}</c>.</summary>
/// <param name="Deleted">False if it was already deleted.</param>
/// <param name="RequestId">The request's id, also in the log.</param>
public sealed record ItemDeleted(bool Deleted, string RequestId);

/// <summary>An attribute as the API shows it; files mark texts and times as such (<see cref="AttributeValue"/>).</summary>
internal sealed class ShownValueConverter : JsonConverter<AttributeValue>
{
    private const string Iso = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    public override AttributeValue Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number => AttributeValue.OfNumber(reader.GetDouble()),
        JsonTokenType.String => OfText(reader.GetString()!),
        JsonTokenType.StartArray => AttributeValue.OfCategories(JsonSerializer.Deserialize<IReadOnlyList<string>>(ref reader, options)!),
        _ => throw new JsonException("An attribute is a number, a string or a list of strings."),
    };

    public override void Write(Utf8JsonWriter writer, AttributeValue value, JsonSerializerOptions options)
    {
        switch (value.Kind)
        {
            case AttributeKind.Number:
                writer.WriteNumberValue(value.Number);
                break;
            case AttributeKind.Time:
                writer.WriteStringValue(DateTimeOffset.FromUnixTimeSeconds((long)value.Number).ToString(Iso, CultureInfo.InvariantCulture));
                break;
            case AttributeKind.Categories:
                JsonSerializer.Serialize(writer, value.Texts, options);
                break;
            default:
                writer.WriteStringValue(value.Texts[0]);
                break;
        }
    }

    /// <summary>A time if the text has the format that this converter writes; otherwise a category.</summary>
    public static AttributeValue OfText(string text) =>
        DateTimeOffset.TryParseExact(text, Iso, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? AttributeValue.OfTime(time.ToUnixTimeSeconds())
            : AttributeValue.OfCategory(text);
}

/// <summary>An item's attributes as the API shows them.</summary>
internal sealed class ShownAttributesConverter : JsonConverter<IReadOnlyDictionary<string, AttributeValue>>
{
    private static readonly ShownValueConverter Value = new();

    public override IReadOnlyDictionary<string, AttributeValue> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var values = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            values[name] = Value.Read(ref reader, typeof(AttributeValue), options);
        }

        return values;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyDictionary<string, AttributeValue> value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach ((string name, AttributeValue attribute) in value)
        {
            writer.WritePropertyName(name);
            Value.Write(writer, attribute, options);
        }

        writer.WriteEndObject();
    }
}

/// <summary>Writes a kind as <c>number</c>, <c>category</c>, <c>categories</c>, <c>text</c> or <c>time</c>.</summary>
internal sealed class AttributeKindConverter() : JsonStringEnumConverter<AttributeKind>(JsonNamingPolicy.SnakeCaseLower);

/// <summary>The type of a column in the items file.</summary>
public enum AttributeKind
{
    Number,

    /// <summary>One of a few values, such as a brand.</summary>
    Category,

    /// <summary>Several such values.</summary>
    Categories,

    /// <summary>Any text; it can be searched, but models do not use it.</summary>
    Text,

    /// <summary>A point in time, in seconds since 1970.</summary>
    Time,
}

/// <summary>One attribute of an item. JSON: a number, a string, a list of strings, <c>{"text": ...}</c> or <c>{"time": seconds}</c>.</summary>
[JsonConverter(typeof(AttributeValueConverter))]
public readonly record struct AttributeValue
{
    private AttributeValue(AttributeKind kind, double number, IReadOnlyList<string> texts) => (Kind, Number, Texts) = (kind, number, texts);

    public AttributeKind Kind { get; }

    /// <summary>The value of a <see cref="AttributeKind.Number"/>, or the seconds of a <see cref="AttributeKind.Time"/>; otherwise NaN.</summary>
    public double Number { get; }

    /// <summary>The values of a category, categories or text; otherwise empty.</summary>
    public IReadOnlyList<string> Texts { get; }

    public static AttributeValue OfNumber(double number) => new(AttributeKind.Number, number, []);

    public static AttributeValue OfTime(long seconds) => new(AttributeKind.Time, seconds, []);

    public static AttributeValue OfCategory(string name) => new(AttributeKind.Category, double.NaN, [name]);

    public static AttributeValue OfCategories(IReadOnlyList<string> names) => new(AttributeKind.Categories, double.NaN, names);

    public static AttributeValue OfText(string text) => new(AttributeKind.Text, double.NaN, [text]);

    public bool Equals(AttributeValue other) => Kind == other.Kind && Number.Equals(other.Number) && Texts.SequenceEqual(other.Texts);

    public override int GetHashCode() => HashCode.Combine(Kind, Number, Texts.Count);
}

internal sealed class AttributeValueConverter : JsonConverter<AttributeValue>
{
    public override AttributeValue Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Number:
                return AttributeValue.OfNumber(reader.GetDouble());
            case JsonTokenType.String:
                return AttributeValue.OfCategory(reader.GetString()!);
            case JsonTokenType.StartArray:
                var names = new List<string>();
                while (reader.Read() && reader.TokenType == JsonTokenType.String)
                {
                    names.Add(reader.GetString()!);
                }

                return reader.TokenType == JsonTokenType.EndArray ? AttributeValue.OfCategories(names) : throw Invalid();
            case JsonTokenType.StartObject:
                reader.Read();
                string? kind = reader.TokenType == JsonTokenType.PropertyName ? reader.GetString() : null;
                reader.Read();
                AttributeValue value = (kind, reader.TokenType) switch
                {
                    ("text", JsonTokenType.String) => AttributeValue.OfText(reader.GetString()!),
                    ("time", JsonTokenType.Number) when reader.TryGetInt64(out long seconds) => AttributeValue.OfTime(seconds),
                    _ => throw Invalid(),
                };
                return reader.Read() && reader.TokenType == JsonTokenType.EndObject ? value : throw Invalid();
            default:
                throw Invalid();
        }
    }

    public override void Write(Utf8JsonWriter writer, AttributeValue value, JsonSerializerOptions options)
    {
        switch (value.Kind)
        {
            case AttributeKind.Number:
                writer.WriteNumberValue(value.Number);
                break;
            case AttributeKind.Category:
                writer.WriteStringValue(value.Texts[0]);
                break;
            case AttributeKind.Categories:
                writer.WriteStartArray();
                foreach (string name in value.Texts)
                {
                    writer.WriteStringValue(name);
                }

                writer.WriteEndArray();
                break;
            case AttributeKind.Text:
                writer.WriteStartObject();
                writer.WriteString("text", value.Texts[0]);
                writer.WriteEndObject();
                break;
            default:
                writer.WriteStartObject();
                writer.WriteNumber("time", (long)value.Number);
                writer.WriteEndObject();
                break;
        }
    }

    private static JsonException Invalid() =>
        new("An attribute is a number, a string, a list of strings, {\"text\": \"...\"} or {\"time\": seconds}.");
}
