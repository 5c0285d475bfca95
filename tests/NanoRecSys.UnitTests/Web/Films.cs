namespace NanoRecSys.UnitTests.Web;

/// <summary>A few films, and responses that contain them.</summary>
internal static class Films
{
    public static ItemInfo StarWars { get; } = Film(260, "Star Wars: Episode IV - A New Hope", 1977, "Action", "Sci-Fi");
    public static ItemInfo Matrix { get; } = Film(2571, "The Matrix", 1999, "Action", "Sci-Fi");
    public static ItemInfo Seven { get; } = Film(47, "Seven (a.k.a. Se7en)", 1995, "Mystery", "Thriller");

    /// <summary>A catalog of films with years and, to have a category attribute, brands.</summary>
    public static CatalogOverview Catalog { get; } = new(
        new ItemWord("film", "films"), 3, 671, 100_004, [new("Action", 2), new("Sci-Fi", 2), new("Thriller", 1)],
        [
            new("year", AttributeKind.Number, 3) { Min = AttributeValue.OfNumber(1977), Max = AttributeValue.OfNumber(1999) },
            new("brand", AttributeKind.Category, 2) { Values = [new("Dove", 2)] },
        ]);

    public static ItemInfo Film(EntityId id, string title, int? year, params string[] categories) => new(id, title, categories)
    {
        Attributes = year is { } known ? new Dictionary<string, AttributeValue> { ["year"] = AttributeValue.OfNumber(known) } : null,
    };

    public static RecommendationsResponse List(params ItemInfo[] items) => new()
    {
        Items = [.. items.Select((item, rank) => Recommended(item, 0.9f - 0.1f * rank))],
        DebugTiming = new DebugTiming { TotalMs = 1.5 },
        RequestId = "request-1",
        ServedFromCache = false,
        Mode = "live",
        Version = "3f9a1c07be52",
    };

    public static RecommendedItem Recommended(ItemInfo item, float score, string? reason = null) => new(item.ItemId, item.Title, item.Categories)
    {
        Attributes = item.Attributes,
        Score = score,
        Reason = reason is null ? null : new ItemReason(reason, "history", [], []),
    };
}
