using System.IO.Hashing;
using System.Text;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Core.Serving;

/// <summary>A validated request: a user or a session, an item in view, and the properties of the list.</summary>
internal sealed record RecommendationRequest
{
    public const int DefaultK = 10;
    public const int MaxK = 1000;
    public const int MaxMovies = 100; // maximum K of POST /recommend and POST /recommend/session

    public bool ShowsMovies { get; init; } // whether the answer has the format of POST /recommend, with movies as in nanoRecSys
    public EntityId? UserId { get; init; } // null for a session
    public IReadOnlyList<EntityId>? ItemIds { get; init; } // a session's items, at least one, oldest first unless there are Times; null for a user
    public IReadOnlyList<long>? Times { get; init; } // time of each of ItemIds, in seconds since 1970; null if only the order is known
    public EntityId? InView { get; init; } // the item in view
    public required int K { get; init; }
    public int Offset { get; init; } // places to skip before the K items
    public bool Explain { get; init; }
    public bool IncludeHistory { get; init; }
    public ItemFilter? Filter { get; init; } // null if every item may be recommended
    public double Diversity { get; init; } // 0..1: weight of dissimilarity to the items above (maximal marginal relevance)
    public double PopularityPenalty { get; init; } // 0..1: weight of the penalty on relative log-popularity
    public IReadOnlyList<Boost> Boosts { get; init; } = [];
    public IReadOnlyList<PinRequest> Pins { get; init; } = [];
    public int ExcludeShown { get; init; } // number of the user's last lists whose items to leave out
    public string Surface { get; init; } = "default"; // where the list is shown
    public RulesInForce? Rules { get; init; } // null for none
    public int Reach => Offset + K; // number of places to fill
    public bool IsReordered => Diversity > 0 || PopularityPenalty > 0; // whether the list is to be reordered after the ranking

    /// <summary>Divides users or sessions among models; the same for a user on every replica.</summary>
    public int Bucket => (int)XxHash32.HashToUInt32(Encoding.UTF8.GetBytes(UserId?.Text ?? IdText.Of(ItemIds ?? [InView!.Value])));
}

/// <summary>A selection of items.</summary>
/// <param name="Where">All conditions must hold.</param>
/// <param name="ItemIds">Items to choose from; empty for all.</param>
internal sealed record Selection(IReadOnlyList<Condition> Where, IReadOnlyList<EntityId> ItemIds)
{
    /// <summary>The same text for the same selection, regardless of the order in its lists.</summary>
    public string Fingerprint => ItemIds.Count == 0 ? Conditions.Fingerprint(Where) : $"{Conditions.Fingerprint(Where)};{IdText.OfSet(ItemIds)}";

    /// <returns>The rows of its items; none if the catalog does not have an attribute that it names.</returns>
    public RowSet Rows(ServedCatalog catalog)
    {
        if (Where.Any(condition => catalog.KindOf(condition.Field) is null))
        {
            return new RowSet(catalog.Count);
        }

        RowSet rows = catalog.Matching(Where);
        if (ItemIds.Count > 0)
        {
            rows.IntersectWith(ListRules.RowsOf(catalog, ItemIds));
        }

        return rows;
    }
}

/// <summary>Moves items up or down in the list.</summary>
/// <param name="Factor">Multiplies their odds.</param>
internal sealed record Boost(Selection Items, double Factor);

/// <summary>Effects of a stored rule while it is in force.</summary>
internal sealed record RuleEffects(string Name, IReadOnlyList<Boost> Boosts, IReadOnlyList<PinRequest> Pins, IReadOnlyList<Selection> Hides);

/// <summary>The rules that change a list.</summary>
/// <param name="Effects">At least one rule.</param>
/// <param name="Fingerprint">Differs for different rules.</param>
internal sealed record RulesInForce(IReadOnlyList<RuleEffects> Effects, string Fingerprint)
{
    public IReadOnlyList<string> Names { get; } = [.. Effects.Select(rule => rule.Name)];

    public bool Boosts { get; } = Effects.Any(rule => rule.Boosts.Count > 0);
}

/// <summary>Ids as text, which is unique for each list.</summary>
internal static class IdText
{
    public static string Of(IEnumerable<EntityId> ids) => string.Join(',', ids.Select(id => Uri.EscapeDataString(id.Text)));

    /// <summary>Independent of their order.</summary>
    public static string OfSet(IEnumerable<EntityId> ids) => Of(ids.Distinct().OrderBy(id => id.Text, StringComparer.Ordinal));
}

/// <summary>Which items may be recommended. The search itself filters, so K items are returned if K exist.</summary>
/// <param name="IncludeIds">Items to choose from; empty for all.</param>
internal sealed record ItemFilter(IReadOnlyList<Condition> Where, IReadOnlyList<EntityId> IncludeIds, IReadOnlyList<EntityId> ExcludeIds)
{
    public bool IsEmpty => Where.Count == 0 && IncludeIds.Count == 0 && ExcludeIds.Count == 0;

    /// <summary>The same text for the same filter, regardless of the order in its lists.</summary>
    public string Fingerprint => $"{Conditions.Fingerprint(Where)};{IdText.OfSet(ExcludeIds)};{IdText.OfSet(IncludeIds)}";
}

/// <summary>Constraints on the list from the request and the rules, as rows of the catalog.</summary>
/// <param name="Allowed">Null for all.</param>
/// <param name="Boosts">Rows, the factor of their odds, and the rule that sets it.</param>
/// <param name="Pins">Rows and their places, from 1, ascending, and the rule that sets them.</param>
internal sealed record ListRules(
    RowSet? Allowed, IReadOnlyList<(RowSet Rows, double Factor, string? Rule)> Boosts, IReadOnlyList<(int Row, int Position, string? Rule)> Pins)
{
    public static readonly ListRules None = new(null, [], []);

    public static ListRules Of(ServedCatalog catalog, RecommendationRequest request)
    {
        if (request is { Filter: null, Boosts.Count: 0, Pins.Count: 0, Rules: null })
        {
            return None;
        }

        IReadOnlyList<RuleEffects> rules = request.Rules?.Effects ?? [];
        RowSet? hidden = null;
        foreach (Selection hide in rules.SelectMany(rule => rule.Hides))
        {
            (hidden ??= new RowSet(catalog.Count)).UnionWith(hide.Rows(catalog));
        }

        RowSet? allowed = null;
        if (request.Filter is { } filter)
        {
            allowed = new Selection(filter.Where, filter.IncludeIds).Rows(catalog);
            allowed.ExceptWith(RowsOf(catalog, filter.ExcludeIds));
        }

        if (hidden is not null)
        {
            allowed ??= new RowSet(catalog.Count).Fill();
            allowed.ExceptWith(hidden);
        }

        return new ListRules(
            allowed,
            [
                .. request.Boosts.Select(boost => (boost.Items.Rows(catalog), boost.Factor, (string?)null)),
                .. rules.SelectMany(rule => rule.Boosts.Select(boost => (boost.Items.Rows(catalog), boost.Factor, (string?)rule.Name))),
            ],
            [
                .. request.Pins.Select(pin => (Pin: pin, Rule: (string?)null)).Concat(rules.SelectMany(rule => rule.Pins.Select(pin => (Pin: pin, Rule: (string?)rule.Name))))
                    .Where(pinned => request.Filter?.ExcludeIds.Contains(pinned.Pin.ItemId) != true)
                    .Select(pinned => (Row: RowOf(catalog, pinned.Pin.ItemId), pinned.Pin.Position, pinned.Rule))
                    .Where(pin => pin.Row >= 0 && catalog.Availability.Unavailable?.Contains(pin.Row) != true && hidden?.Contains(pin.Row) != true)
                    .DistinctBy(pin => pin.Row).DistinctBy(pin => pin.Position).OrderBy(pin => pin.Position),
            ]);
    }

    /// <summary>The factor of a row's odds: 1 without a boost.</summary>
    public double FactorOf(int row)
    {
        double factor = 1;
        foreach ((RowSet rows, double its, _) in Boosts)
        {
            factor *= rows.Contains(row) ? its : 1;
        }

        return factor;
    }

    public bool IsPinned(int row) => Pins.Any(pin => pin.Row == row);

    /// <summary>Names of the rules that boosted or pinned a row; null if none did.</summary>
    public string[]? RulesOf(int row)
    {
        string[] names = [.. Pins.Where(pin => pin.Row == row).Select(pin => pin.Rule).Concat(Boosts.Where(boost => boost.Rows.Contains(row)).Select(boost => boost.Rule)).OfType<string>().Distinct()];
        return names.Length == 0 ? null : names;
    }

    public static RowSet RowsOf(ServedCatalog catalog, IEnumerable<EntityId> ids)
    {
        var rows = new RowSet(catalog.Count);
        rows.AddRange([.. ids.Select(id => RowOf(catalog, id)).Where(row => row >= 0)]);
        return rows;
    }

    private static int RowOf(ServedCatalog catalog, EntityId id) => catalog.TryFind(id, out int row) ? row : -1;
}
