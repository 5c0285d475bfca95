using System.IO.Hashing;
using System.Text;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Core.Serving;

/// <summary>A checked request: a user or a session, an item in view, and how the list should look.</summary>
internal sealed record RecommendationRequest
{
    public const int DefaultK = 10;
    public const int MaxK = 1000;
    public const int MaxMovies = 100; // of POST /recommend and POST /recommend/session

    public bool ShowsMovies { get; init; } // whether the answer is that of POST /recommend: movies, as nanoRecSys has them
    public EntityId? UserId { get; init; } // null in a session
    public IReadOnlyList<EntityId>? ItemIds { get; init; } // a session's items, at least one, oldest first unless there are Times; null for a user
    public IReadOnlyList<long>? Times { get; init; } // when each of ItemIds came, in seconds since 1970; null if only the order is known
    public EntityId? InView { get; init; } // the item in view
    public required int K { get; init; }
    public int Offset { get; init; } // places to skip before the K
    public bool Explain { get; init; }
    public bool IncludeHistory { get; init; }
    public ItemFilter? Filter { get; init; } // null if every item may be recommended
    public double Diversity { get; init; } // 0..1: weight of not resembling the items above (maximal marginal relevance)
    public double PopularityPenalty { get; init; } // 0..1: weight against the share of log-popularity
    public IReadOnlyList<Boost> Boosts { get; init; } = [];
    public IReadOnlyList<PinRequest> Pins { get; init; } = [];
    public int ExcludeShown { get; init; } // how many of the user's last lists to leave out
    public string Surface { get; init; } = "default"; // where the list is shown
    public int Reach => Offset + K; // places that must be filled
    public bool IsReordered => Diversity > 0 || PopularityPenalty > 0; // whether the list is to be reordered after the ranking

    /// <summary>Divides users, or sessions, among models; the same for the same user on every replica.</summary>
    public int Bucket => (int)XxHash32.HashToUInt32(Encoding.UTF8.GetBytes(UserId?.Text ?? IdText.Of(ItemIds ?? [InView!.Value])));
}

/// <summary>Items that rise or fall in the list.</summary>
internal sealed record Boost(IReadOnlyList<Condition> Where, double Factor);

/// <summary>Ids as text; no two lists have the same.</summary>
internal static class IdText
{
    public static string Of(IEnumerable<EntityId> ids) => string.Join(',', ids.Select(id => Uri.EscapeDataString(id.Text)));

    /// <summary>Whatever their order.</summary>
    public static string OfSet(IEnumerable<EntityId> ids) => Of(ids.Distinct().OrderBy(id => id.Text, StringComparer.Ordinal));
}

/// <summary>Which items may be recommended. Works inside the search, so that K come back if K exist.</summary>
/// <param name="IncludeIds">To choose from; empty for all.</param>
internal sealed record ItemFilter(IReadOnlyList<Condition> Where, IReadOnlyList<EntityId> IncludeIds, IReadOnlyList<EntityId> ExcludeIds)
{
    public bool IsEmpty => Where.Count == 0 && IncludeIds.Count == 0 && ExcludeIds.Count == 0;

    /// <summary>The same text for the same filter, whatever the order of its lists.</summary>
    public string Fingerprint => $"{Conditions.Fingerprint(Where)};{IdText.OfSet(ExcludeIds)};{IdText.OfSet(IncludeIds)}";
}

/// <summary>What a request asks of the list, as rows of the catalog.</summary>
/// <param name="Allowed">Null for all.</param>
/// <param name="Boosts">Rows and the factor of their odds.</param>
/// <param name="Pins">Rows and their places, from 1, ascending.</param>
internal sealed record ListRules(RowSet? Allowed, IReadOnlyList<(RowSet Rows, double Factor)> Boosts, IReadOnlyList<(int Row, int Position)> Pins)
{
    public static readonly ListRules None = new(null, [], []);

    public static ListRules Of(ServedCatalog catalog, RecommendationRequest request) =>
        request is { Filter: null, Boosts.Count: 0, Pins.Count: 0 } ? None : new(
            Filtered(catalog, request.Filter),
            [.. request.Boosts.Select(boost => (catalog.Matching(boost.Where), boost.Factor))],
            [.. Pinned(catalog, request).OrderBy(pin => pin.Position)]);

    /// <summary>Of a row's odds: 1 without a boost.</summary>
    public double FactorOf(int row)
    {
        double factor = 1;
        foreach ((RowSet rows, double its) in Boosts)
        {
            factor *= rows.Contains(row) ? its : 1;
        }

        return factor;
    }

    public bool IsPinned(int row) => Pins.Any(pin => pin.Row == row);

    private static RowSet? Filtered(ServedCatalog catalog, ItemFilter? filter)
    {
        if (filter is null)
        {
            return null;
        }

        RowSet allowed = catalog.Matching(filter.Where);
        if (filter.IncludeIds.Count > 0)
        {
            var included = new RowSet(catalog.Count);
            included.AddRange([.. Rows(catalog, filter.IncludeIds)]);
            allowed.IntersectWith(included);
        }

        allowed.RemoveRange([.. Rows(catalog, filter.ExcludeIds)]);
        return allowed;
    }

    private static IEnumerable<(int Row, int Position)> Pinned(ServedCatalog catalog, RecommendationRequest request)
    {
        foreach (PinRequest pin in request.Pins)
        {
            if (catalog.TryFind(pin.ItemId, out int row) && catalog.Availability.Unavailable?.Contains(row) != true
                && request.Filter?.ExcludeIds.Contains(pin.ItemId) != true)
            {
                yield return (row, pin.Position);
            }
        }
    }

    private static IEnumerable<int> Rows(ServedCatalog catalog, IEnumerable<EntityId> ids)
    {
        foreach (EntityId id in ids)
        {
            if (catalog.TryFind(id, out int row))
            {
                yield return row;
            }
        }
    }
}
