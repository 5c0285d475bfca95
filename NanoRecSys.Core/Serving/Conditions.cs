using System.Globalization;

namespace NanoRecSys.Core.Serving;

/// <summary>A comparison with an attribute, in filters and boosts. Field names and texts are not case-sensitive.</summary>
/// <param name="Field">An attribute, or a constant of <see cref="AttributeTable"/>.</param>
/// <param name="Op">One of the operators in <see cref="Conditions"/>.</param>
/// <param name="Values">One or several; several mean any of them, and for <c>!=</c> none of them.</param>
internal sealed record Condition(string Field, string Op, IReadOnlyList<ConditionValue> Values);

/// <param name="Text">Null for a number.</param>
/// <param name="Number">For a text that is a time in ISO 8601, seconds since 1970; for other texts, NaN.</param>
internal readonly record struct ConditionValue(string? Text, double Number)
{
    public static implicit operator ConditionValue(double number) => new(null, number);

    public static implicit operator ConditionValue(string text) => new(text, IsoTime.TryParse(text, out DateTimeOffset time) ? time.ToUnixTimeSeconds() : double.NaN);
}

/// <summary>The operators of conditions, and checks of conditions that need no items.</summary>
internal static class Conditions
{
    public const string Equal = "=";
    public const string NotEqual = "!=";
    public const string Less = "<";
    public const string AtMost = "<=";
    public const string More = ">";
    public const string AtLeast = ">=";
    public const string In = "in";
    public const string Contains = "contains";

    public static string[] Of(AttributeKind kind) =>
        AttributeTable.IsNumeric(kind) ? [Equal, NotEqual, Less, AtMost, More, AtLeast, In] : [Equal, NotEqual, In, Contains];

    /// <summary>The same text for the same conditions, regardless of their order.</summary>
    public static string Fingerprint(IEnumerable<Condition> conditions) => string.Join('&', conditions.Select(condition =>
        $"{Uri.EscapeDataString(condition.Field.ToUpperInvariant())}{condition.Op}{string.Join('|', condition.Values.Select(Text).Distinct().Order(StringComparer.Ordinal))}")
        .Distinct().Order(StringComparer.Ordinal));

    public static string Describe(Condition condition)
    {
        string values = string.Join(", ", condition.Values.Select(value => value.Text is { } text ? $"'{text}'" : value.Number.ToString(CultureInfo.InvariantCulture)));
        return $"{(condition.Field == AttributeTable.Popularity ? "popularity" : condition.Field)} {condition.Op} {(condition.Values.Count > 1 ? $"[{values}]" : values)}";
    }

    /// <returns>Whether a number meets a condition on a numeric attribute.</returns>
    public static Func<double, bool> TestOf(Condition condition)
    {
        double bound = condition.Values[0].Number;
        double[] bounds = [.. condition.Values.Select(value => value.Number)];
        return condition.Op switch
        {
            Less => value => value < bound,
            AtMost => value => value <= bound,
            More => value => value > bound,
            AtLeast => value => value >= bound,
            NotEqual => value => !bounds.Contains(value),
            _ => value => bounds.Contains(value),
        };
    }

    /// <returns>Conditions on one attribute that no value can meet together; null if there are none.</returns>
    public static Condition[]? Contradiction(IEnumerable<Condition> conditions, Func<string, AttributeKind?> kindOf)
    {
        foreach (IGrouping<string, Condition> group in conditions.GroupBy(condition => condition.Field, StringComparer.OrdinalIgnoreCase))
        {
            AttributeKind kind = kindOf(group.Key) ?? AttributeKind.Text;
            Condition[] all = [.. group];
            bool isPossible = AttributeTable.IsNumeric(kind) ? HasNumber(all) : HasText(all, kind == AttributeKind.Categories);
            if (!isPossible)
            {
                return all;
            }
        }

        return null;
    }

    private static bool HasNumber(Condition[] all)
    {
        double[]? equal = Choices(all, condition => condition.Values.Select(value => value.Number));
        double low = all.Where(condition => condition.Op is More or AtLeast).Select(condition => condition.Values[0].Number).DefaultIfEmpty(double.NegativeInfinity).Max();
        double high = all.Where(condition => condition.Op is Less or AtMost).Select(condition => condition.Values[0].Number).DefaultIfEmpty(double.PositiveInfinity).Min();
        Func<double, bool>[] tests = Array.ConvertAll(all, TestOf);
        bool Passes(double value) => tests.All(test => test(value));
        return equal is not null ? equal.Any(Passes) : low < high || (low == high && Passes(low));
    }

    private static bool HasText(Condition[] all, bool hasSeveral)
    {
        HashSet<string> not = [.. all.Where(condition => condition.Op == NotEqual).SelectMany(condition => condition.Values).Select(value => value.Text!.ToUpperInvariant())];
        IEnumerable<Condition> chosen = all.Where(condition => condition.Op is Equal or In);
        if (hasSeveral)
        {
            // A category that is both wanted and unwanted is a mistake, even if others are also wanted.
            return !chosen.SelectMany(condition => condition.Values).Any(value => not.Contains(value.Text!.ToUpperInvariant()));
        }

        string[]? equal = Choices(all, condition => condition.Values.Select(value => value.Text!.ToUpperInvariant()));
        return equal?.Any(text => !not.Contains(text) && all.All(condition => condition.Op != Contains || text.Contains(condition.Values[0].Text!, StringComparison.OrdinalIgnoreCase))) != false;
    }

    // The values allowed by all of = and in; null if there are no such conditions.
    private static T[]? Choices<T>(Condition[] all, Func<Condition, IEnumerable<T>> valuesOf) =>
        all.Where(condition => condition.Op is Equal or In).Select(valuesOf)
            .Aggregate(default(IEnumerable<T>), (both, values) => both is null ? values : both.Intersect(values))?.ToArray();

    private static string Text(ConditionValue value) =>
        value.Text is { } text ? $"'{Uri.EscapeDataString(text.ToUpperInvariant())}" : value.Number.ToString("R", CultureInfo.InvariantCulture);
}

/// <summary>Times in ISO 8601, in UTC if they have no zone.</summary>
internal static class IsoTime
{
    private static readonly string[] Formats =
    [
        "yyyy-MM-dd", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK",
    ];

    public static bool TryParse(string text, out DateTimeOffset time) =>
        DateTimeOffset.TryParseExact(text, Formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
}
