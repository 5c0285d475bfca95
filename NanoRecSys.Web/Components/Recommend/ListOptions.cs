using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Components;

namespace NanoRecSys.Web.Components.Recommend;

/// <summary>Filters, length and diversity of a list, kept in the page's address so that it can be shared.</summary>
public sealed record ListOptions
{
    public const int MaxCount = 100;

    public int Count { get; init; } = CountPicker.Default; // K, 1 to MaxCount
    public IReadOnlyList<string> Categories { get; init; } = []; // at least one of these
    public IReadOnlyList<string> Without { get; init; } = []; // none of these
    public IReadOnlyList<Condition> Where { get; init; } = []; // all of these
    public double Diversity { get; init; } // 0..1: how much an item should differ from those above it
    public bool HasFilter => Categories.Count > 0 || Without.Count > 0 || Where.Count > 0;

    /// <summary>From the address; invalid parts are ignored.</summary>
    public static ListOptions Parse(string? count, string? categories, string? without, IEnumerable<string>? where, string? diversity) => new()
    {
        Count = Math.Clamp(int.TryParse(count, out int k) ? k : CountPicker.Default, 1, MaxCount),
        Categories = List(categories),
        Without = List(without),
        Where = [.. (where ?? []).Select(Condition.Parse).OfType<Condition>().Take(20)],
        Diversity = double.TryParse(diversity, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? Math.Clamp(value, 0, 1) : 0,
    };

    /// <summary>The address's parts; null removes a part.</summary>
    public Dictionary<string, object?> ToQuery() => new()
    {
        ["k"] = Count == CountPicker.Default ? null : Count,
        ["categories"] = Categories.Count == 0 ? null : Join(Categories),
        ["without"] = Without.Count == 0 ? null : Join(Without),
        ["where"] = Where.Count == 0 ? null : Where.Select(condition => condition.ToString()).ToArray(),
        ["diversity"] = Diversity == 0 ? null : Text.Css(Diversity),
    };

    /// <param name="catalog">To tell which attributes are numbers; null if unknown.</param>
    /// <returns>Null if any item is allowed.</returns>
    public ItemFilterRequest? Filter(CatalogOverview? catalog) => !HasFilter ? null : new ItemFilterRequest
    {
        CategoriesAny = Categories.Count > 0 ? Categories : null,
        CategoriesNone = Without.Count > 0 ? Without : null,
        Where = Where.Count > 0 ? [.. Where.Select(condition => condition.ToRequest(catalog))] : null,
    };

    /// <summary>The value of the condition with this field and operator; null if there is none.</summary>
    public string? ValueOf(string field, string op) => Where.FirstOrDefault(condition => condition.Is(field, op))?.Value;

    /// <summary>Adds, changes or (with an empty value) removes a condition.</summary>
    public ListOptions With(string field, string op, string? value) => this with
    {
        Where = [.. Where.Where(condition => !condition.Is(field, op)), .. string.IsNullOrWhiteSpace(value) ? Array.Empty<Condition>() : [new Condition(field, op, value.Trim())]],
    };

    public static string AddressOf(string category) => $"/?categories={Uri.EscapeDataString(Join([category]))}";

    /// <summary>Lists are compared by content.</summary>
    public bool Equals(ListOptions? other) => other is not null && Count == other.Count && Diversity == other.Diversity
        && Categories.SequenceEqual(other.Categories) && Without.SequenceEqual(other.Without) && Where.SequenceEqual(other.Where);

    public override int GetHashCode() => HashCode.Combine(Count, Diversity, Categories.Count, Without.Count, Where.Count);

    // A category may contain a comma.
    private static string Join(IEnumerable<string> names) => string.Join(',', names.Select(name => name.Replace("%", "%25", StringComparison.Ordinal).Replace(",", "%2C", StringComparison.Ordinal)));

    private static string[] List(string? text) =>
        [.. (text?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? []).Select(Uri.UnescapeDataString)];
}

/// <summary>A condition on an attribute, in the address as <c>year&gt;=1980</c>.</summary>
/// <param name="Op">One of <see cref="Operators"/>.</param>
public sealed record Condition(string Field, string Op, string Value)
{
    public const string AtLeast = ">=";
    public const string AtMost = "<=";
    public const string Exactly = "=";
    public const string Contains = "~";

    private static readonly string[] Operators = [AtLeast, AtMost, Exactly, Contains];

    /// <returns>Null if it is not a condition.</returns>
    public static Condition? Parse(string text)
    {
        (int At, string Op) first = Operators.Select(op => (At: text.IndexOf(op, StringComparison.Ordinal), Op: op)).Where(found => found.At > 0).OrderBy(found => found.At).FirstOrDefault();
        return first.At > 0 && first.At + first.Op.Length < text.Length ? new Condition(text[..first.At], first.Op, text[(first.At + first.Op.Length)..]) : null;
    }

    public bool Is(string field, string op) => Op == op && string.Equals(Field, field, StringComparison.OrdinalIgnoreCase);

    public AttributeCondition ToRequest(CatalogOverview? catalog)
    {
        AttributeOverview? known = catalog?.Attributes.FirstOrDefault(attribute => string.Equals(attribute.Name, Field, StringComparison.OrdinalIgnoreCase));
        JsonValue value = known is not { Kind: not AttributeKind.Number } && double.TryParse(Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? JsonValue.Create(number)
            : JsonValue.Create(Value);
        return new AttributeCondition(Field, Op == Contains ? "contains" : Op, value);
    }

    public override string ToString() => Field + Op + Value;

    /// <summary>For people: brand: Dove, year from 1980.</summary>
    public string InWords() => Op switch
    {
        AtLeast => $"{Field} from {Value}",
        AtMost => $"{Field} to {Value}",
        Contains => $"{Field} with {Value}",
        _ => $"{Field}: {Value}",
    };
}

/// <summary>A page whose address holds <see cref="ListOptions"/>. Text, not numbers: a mistyped address must not cause an error.</summary>
public abstract class ListOptionsPage : ComponentBase
{
    [SupplyParameterFromQuery] public string? K { get; set; }
    [SupplyParameterFromQuery] public string? Categories { get; set; }

    [SupplyParameterFromQuery] public string? Without { get; set; }

    [SupplyParameterFromQuery] public string[]? Where { get; set; }

    [SupplyParameterFromQuery] public string? Diversity { get; set; }

    protected ListOptions ListOptions => ListOptions.Parse(K, Categories, Without, Where, Diversity);
}
