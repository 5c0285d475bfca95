namespace NanoRecSys.Training.Data.Files;

/// <summary>Lists in one cell: <c>a|b|c</c>, <c>["a", "b"]</c>, <c>['a', 'b']</c>, or <c>a b c</c> where the file says so.</summary>
internal static class Lists
{
    public static bool IsList(string cell) => cell.StartsWith('[') && cell.EndsWith(']');

    /// <summary>What separates the names of a column of categories: a bar, or else a comma or a semicolon where many cells have one.</summary>
    public static char SeparatorOf(IReadOnlyCollection<string> cells) =>
        cells.Any(cell => cell.Contains('|')) ? '|' : Array.Find([',', ';'], mark => 4 * cells.Count(cell => cell.Contains(mark)) > cells.Count) is var found and not '\0' ? found : '|';

    public static IReadOnlyList<string> Read(string? cell, bool isSequence, char separator = '|')
    {
        if (string.IsNullOrWhiteSpace(cell))
        {
            return [];
        }

        if (!IsList(cell))
        {
            return isSequence ? cell.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [.. cell.Split(separator).Select(part => part.Trim()).Where(part => part.Length > 0)];
        }

        try
        {
            using var list = JsonDocument.Parse(cell.Contains('"') ? cell : cell.Replace('\'', '"'));
            return [.. Flat(list.RootElement).Distinct()];
        }
        catch (JsonException)
        {
            return [.. cell[1..^1].Split(',').Select(part => part.Trim(' ', '\'', '"', '[', ']')).Where(part => part.Length > 0)];
        }
    }

    // Amazon's categories are lists of paths.
    private static IEnumerable<string> Flat(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Flat),
        JsonValueKind.Object => element.EnumerateObject().Where(property => property.Value.ValueKind == JsonValueKind.String).Take(1).Select(property => property.Value.GetString()!),
        JsonValueKind.Null => [],
        _ => [element.ToString()],
    };
}

internal sealed record AttributeColumn(string Name, int Position, AttributeKind Kind, bool IsSequence)
{
    private const int LongestCategory = 60;
    private const int FewTexts = 50; // so many different texts are categories, whatever their share of the rows
    private static readonly string[] AlwaysText = ["desc", "overview", "summary", "text", "details", "features", "url", "link"];

    /// <returns>Null for a column without values, or of objects.</returns>
    public static AttributeColumn? Of(DataTable table, int column, List<string?[]> rows)
    {
        string[] values = [.. rows.Select(row => row[column]).OfType<string>().Where(value => value.Length > 0)];
        if (values.Length == 0 || Array.TrueForAll(values, value => value.StartsWith('{')))
        {
            return null;
        }

        bool isSequence = table.FieldTypes.Count > 0 && table.FieldTypes[column] == "token_seq";
        string name = table.Columns[column];
        AttributeKind kind = isSequence || Array.TrueForAll(values, Lists.IsList) ? AttributeKind.Categories
            : Array.TrueForAll(values, value => Content.IsNumber(value, out _) && value is not ['0', >= '0' and <= '9', ..]) ? AttributeKind.Number // 00501 is a code
            : Array.TrueForAll(values, value => TryMoment(value, out _)) ? AttributeKind.Time
            : Array.Exists(AlwaysText, word => name.Contains(word, StringComparison.OrdinalIgnoreCase)) ? AttributeKind.Text
            : values.Count(value => value.Contains('|')) * 4 > values.Length ? AttributeKind.Categories
            : Array.TrueForAll(values, value => value.Length <= LongestCategory) && IsFew(values) ? AttributeKind.Category
            : AttributeKind.Text;
        return new AttributeColumn(name, column, kind, isSequence);
    }

    public AttributeValue? Read(string?[] cells)
    {
        string cell = cells[Position] ?? "";
        return cell.Length == 0 ? null : Kind switch
        {
            AttributeKind.Number => Content.IsNumber(cell, out double number) ? AttributeValue.OfNumber(number) : null,
            AttributeKind.Time => TryMoment(cell, out DateTimeOffset moment) ? AttributeValue.OfTime(moment.ToUnixTimeSeconds()) : null,
            AttributeKind.Categories => Lists.Read(cell, IsSequence) is { Count: > 0 } names ? AttributeValue.OfCategories(names) : null,
            AttributeKind.Category => AttributeValue.OfCategory(cell),
            _ => AttributeValue.OfText(cell),
        };
    }

    /// <summary>An ISO date, or a number of seconds or milliseconds.</summary>
    public static bool TryMoment(string cell, out DateTimeOffset moment)
    {
        moment = default;
        if (Content.IsDate(cell))
        {
            return DateTimeOffset.TryParse(cell.Replace(" UTC", "Z", StringComparison.Ordinal), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out moment);
        }

        if (!long.TryParse(cell, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || number < 100_000_000)
        {
            return false;
        }

        long seconds = number >= 100_000_000_000 ? number / 1000 : number;
        if (seconds > 253_402_300_799) // the year 9999
        {
            return false;
        }

        moment = DateTimeOffset.FromUnixTimeSeconds(seconds);
        return true;
    }

    private static bool IsFew(string[] values)
    {
        int different = values.Distinct().Count();
        return different <= FewTexts || 2 * different <= values.Length;
    }
}
