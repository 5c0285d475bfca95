using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace NanoRecSys.Contracts;

/// <summary>
/// A user's or item's id in the data set: text of 1 to 256 bytes of UTF-8 without control characters, except <c>.</c> and <c>..</c>, which cannot
/// be segments of a URL's path. Two ids are equal if their texts are; JSON <c>12</c> and <c>"12"</c> are the same id.
/// </summary>
[JsonConverter(typeof(EntityIdConverter))]
public readonly struct EntityId : IEquatable<EntityId>
{
    public const int MaxBytes = 256;

    private readonly string? _text;

    private EntityId(string text, bool isNumber) => (_text, IsNumber) = (text, isNumber);

    /// <summary>Empty only for the default value, which is not a valid id.</summary>
    public string Text => _text ?? "";

    /// <summary>Whether JSON writes it as a number: all ids of the data set are 64-bit integers.</summary>
    public bool IsNumber { get; }

    public static implicit operator EntityId(long number) => new(number.ToString(CultureInfo.InvariantCulture), isNumber: true);

    public static bool operator ==(EntityId left, EntityId right) => left.Equals(right);

    public static bool operator !=(EntityId left, EntityId right) => !left.Equals(right);

    /// <param name="text">Valid, see <see cref="IsValid"/>.</param>
    /// <param name="isNumber">See <see cref="IsNumber"/>.</param>
    public static EntityId Of(string text, bool isNumber = false) => new(text, isNumber);

    /// <returns>False if the text cannot be an id.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out EntityId id)
    {
        id = text is not null && IsValid(text) ? new EntityId(text, isNumber: false) : default;
        return id._text is not null;
    }

    /// <summary>Whether a text has the length of an id, has no control characters or unpaired surrogates, and is neither <c>.</c> nor <c>..</c>.</summary>
    public static bool IsValid(ReadOnlySpan<char> text)
    {
        if (text is "" or "." or ".." || text.Length > MaxBytes)
        {
            return false;
        }

        int bytes = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Rune.IsControl(rune) || rune == Rune.ReplacementChar) // unpaired surrogates are enumerated as the latter
            {
                return false;
            }

            bytes += rune.Utf8SequenceLength;
        }

        return bytes <= MaxBytes;
    }

    /// <summary>Whether the text is a 64-bit integer as JSON writes it: no leading zeros, no plus sign.</summary>
    public static bool IsWholeNumber(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        return text is not ([] or ['-', '0', ..] or ['0', _, ..] or ['+', ..])
            && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>Numbers by value, other ids by character code.</summary>
    public static int Compare(EntityId left, EntityId right) =>
        left.IsNumber && right.IsNumber && IsWholeNumber(left.Text, out long a) && IsWholeNumber(right.Text, out long b)
            ? a.CompareTo(b)
            : string.CompareOrdinal(left.Text, right.Text);

    public bool Equals(EntityId other) => string.Equals(_text, other._text, StringComparison.Ordinal);

    public override bool Equals(object? obj) => obj is EntityId other && Equals(other);

    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Text;
}

/// <summary>Reads ids from JSON numbers and strings; writes a number if <see cref="EntityId.IsNumber"/> is true.</summary>
internal sealed class EntityIdConverter : JsonConverter<EntityId>
{
    public override EntityId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number when reader.TryGetInt64(out long number) => number,
        JsonTokenType.String when EntityId.TryParse(reader.GetString(), out EntityId id) => id,
        _ => throw new JsonException($"An id is a 64-bit integer, or a string of 1 to {EntityId.MaxBytes} bytes without control characters, other than '.' and '..'."),
    };

    public override void Write(Utf8JsonWriter writer, EntityId value, JsonSerializerOptions options)
    {
        if (value.IsNumber)
        {
            writer.WriteRawValue(value.Text, skipInputValidation: true);
        }
        else
        {
            writer.WriteStringValue(value.Text);
        }
    }
}
