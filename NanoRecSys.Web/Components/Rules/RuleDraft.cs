using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace NanoRecSys.Web.Components.Rules;

/// <summary>A rule being edited.</summary>
public sealed class RuleDraft
{
    public string Name { get; set; } = "";

    public bool Enabled { get; set; } = true;

    /// <summary>In UTC.</summary>
    public DateTime? From { get; set; }

    /// <summary>In UTC.</summary>
    public DateTime? Until { get; set; }

    public List<EffectDraft> Effects { get; } = [];

    public static RuleDraft Of(Rule rule)
    {
        var draft = new RuleDraft { Name = rule.Name, Enabled = rule.Enabled, From = rule.From?.UtcDateTime, Until = rule.Until?.UtcDateTime };
        draft.Effects.AddRange((rule.Pin ?? []).Select(pin => new EffectDraft(EffectDraft.Pin) { Position = pin.Position, ItemIds = { pin.ItemId } }));
        draft.Effects.AddRange((rule.Boost ?? []).Select(boost => EffectDraft.Of(EffectDraft.Boost, boost)));
        draft.Effects.AddRange((rule.Hide ?? []).Select(hide => EffectDraft.Of(EffectDraft.Hide, hide)));
        return draft;
    }

    /// <param name="catalog">To tell which attributes are numbers.</param>
    public Rule ToRule(CatalogOverview? catalog) => new()
    {
        Name = Name.Trim(),
        Enabled = Enabled,
        From = Utc(From),
        Until = Utc(Until),
        Pin = Those(EffectDraft.Pin).SelectMany(pin => pin.ItemIds.Take(1).Select(item => new PinRequest(item, pin.Position))).ToArray() is { Length: > 0 } pins ? pins : null,
        Boost = Those(EffectDraft.Boost).Select(boost => new BoostRequest { ItemIds = boost.Ids, Where = boost.Where(catalog), Factor = boost.Factor }).ToArray() is { Length: > 0 } boosts ? boosts : null,
        Hide = Those(EffectDraft.Hide).Select(hide => new ItemSelection { ItemIds = hide.Ids, Where = hide.Where(catalog) }).ToArray() is { Length: > 0 } hides ? hides : null,
    };

    /// <summary>Whether it is active, and if not, why.</summary>
    public string State(DateTimeOffset now) => !Enabled ? "off" : Utc(From) > now ? "scheduled" : Utc(Until) <= now ? "ended" : "active";

    private IEnumerable<EffectDraft> Those(string kind) => Effects.Where(effect => effect.Kind == kind);

    private static DateTimeOffset? Utc(DateTime? time) => time is { } known ? new DateTimeOffset(known, TimeSpan.Zero) : null;
}

/// <summary>One effect of a rule.</summary>
public sealed class EffectDraft(string kind)
{
    public const string Pin = "pin";
    public const string Boost = "boost";
    public const string Hide = "hide";

    public string Kind { get; set; } = kind;

    public double Factor { get; set; } = 2;

    public int Position { get; set; } = 1;

    /// <summary>A pin uses only the first.</summary>
    public List<EntityId> ItemIds { get; } = [];

    public List<ConditionDraft> Conditions { get; } = [];

    internal IReadOnlyList<EntityId>? Ids => ItemIds.Count == 0 ? null : ItemIds;

    public static EffectDraft Of(string kind, ItemSelection items)
    {
        var draft = new EffectDraft(kind) { Factor = (items as BoostRequest)?.Factor ?? 2 };
        draft.ItemIds.AddRange(items.ItemIds ?? []);
        draft.Conditions.AddRange((items.Where ?? []).Select(condition => new ConditionDraft { Field = condition.Field, Op = condition.Op, Value = ConditionDraft.Shown(condition.Value) }));
        if (items.CategoriesAny is { Count: > 0 } categories)
        {
            draft.Conditions.Add(new ConditionDraft { Field = ConditionDraft.Categories, Op = ConditionDraft.In, Value = ConditionDraft.Joined(categories) });
        }

        return draft;
    }

    /// <summary>A short description.</summary>
    /// <param name="titleOf">Returns an item's title.</param>
    public string InWords(Func<EntityId, string> titleOf)
    {
        string[] items = [.. ItemIds.Take(2).Select(titleOf), .. (ItemIds.Count > 2 ? [$"{ItemIds.Count - 2} more"] : Array.Empty<string>())];
        string what = string.Join(", where ", new[] { string.Join(", ", items), string.Join(" and ", Conditions.Select(condition => $"{condition.Field} {condition.Op} {condition.Value}")) }.Where(part => part.Length > 0));
        return Kind switch
        {
            Pin => $"Pin {what} at {Position}",
            Hide => $"Hide {what}",
            _ => $"Boost {what} × {Factor}",
        };
    }

    internal AttributeCondition[]? Where(CatalogOverview? catalog) => Conditions.Count == 0 ? null : [.. Conditions.Select(condition => condition.ToRequest(catalog))];
}

/// <summary>A condition on an attribute.</summary>
public sealed partial class ConditionDraft
{
    public const string Categories = "categories";
    public const string In = "in";
    private static readonly string[] OfTexts = ["=", "!=", In, "contains"];
    private static readonly string[] OfNumbers = ["=", "!=", "<", "<=", ">", ">=", In];

    public string Field { get; set; } = Categories;

    public string Op { get; set; } = "=";

    /// <summary>For <see cref="In"/>, several values separated by commas; a value that contains a comma is in double quotes, as in CSV.</summary>
    public string Value { get; set; } = "";

    public string[] Operators(CatalogOverview? catalog) => KindOf(catalog) is AttributeKind.Number or AttributeKind.Time ? OfNumbers : OfTexts;

    public IEnumerable<string> Suggestions(CatalogOverview? catalog) =>
        (Field == Categories ? catalog?.Categories : catalog?.Attributes.FirstOrDefault(attribute => attribute.Name == Field)?.Values)?.Select(value => value.Value) ?? [];

    public AttributeCondition ToRequest(CatalogOverview? catalog) => new(
        Field, Op, Op == In ? new JsonArray([.. Values(Value).Select(JsonNode (value) => Json(value, catalog))]) : Json(Value.Trim(), catalog));

    public static string Shown(JsonNode? value) => value is JsonArray list ? Joined(list.Select(Shown)) : value?.ToString() ?? "";

    internal static string Joined(IEnumerable<string> values) =>
        string.Join(", ", values.Select(value => value.AsSpan().ContainsAny(',', '"') ? $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : value));

    private static IEnumerable<string> Values(string joined) => JoinedValue.Matches(joined)
        .Select(match => match.Groups["quoted"] is { Success: true } quoted ? quoted.Value.Replace("\"\"", "\"", StringComparison.Ordinal) : match.Value.Trim())
        .Where(value => value.Length > 0);

    [GeneratedRegex("""\s*"(?<quoted>([^"]|"")*)"\s*(?=,|$)|[^,]+""", RegexOptions.ExplicitCapture)]
    private static partial Regex JoinedValue { get; }

    // Values that are not numbers stay text: the API reports the error.
    private JsonValue Json(string value, CatalogOverview? catalog) =>
        KindOf(catalog) == AttributeKind.Number && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? JsonValue.Create(number) : JsonValue.Create(value);

    private AttributeKind? KindOf(CatalogOverview? catalog) =>
        Field == "created_at" ? AttributeKind.Time : catalog?.Attributes.FirstOrDefault(attribute => attribute.Name == Field)?.Kind;
}
