using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace NanoRecSys.Api.Errors;

/// <summary>Numbers and text out of JSON, as lenient as the original: whole numbers also as <c>5.0</c> or <c>"5"</c>.</summary>
internal static class JsonValues
{
    // Doubles hold every whole number up to here.
    private const double LargestExact = 1L << 53;

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
                // Its bytes as they came: they need not be valid text.
                return long.TryParse(JsonMarshal.GetRawUtf8Value(element)[1..^1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
            default:
                return false;
        }
    }

    /// <returns>False for what is no number, or too large for one.</returns>
    public static bool TryDouble(JsonElement element, out double value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out value) && double.IsFinite(value);
    }

    /// <returns>False for what is no text, or holds half a surrogate pair.</returns>
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
