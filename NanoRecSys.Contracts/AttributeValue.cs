namespace NanoRecSys.Contracts;

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
