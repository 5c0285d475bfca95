using NanoRecSys.Core.Contracts;

namespace NanoRecSys.UnitTests.Web;

/// <summary>A few films, and answers that name them.</summary>
internal static class Films
{
    public static ItemInfo StarWars { get; } = new(260, "Star Wars: Episode IV - A New Hope", 1977, ["Action", "Sci-Fi"]);

    public static ItemInfo Matrix { get; } = new(2571, "The Matrix", 1999, ["Action", "Sci-Fi"]);

    public static ItemInfo Seven { get; } = new(47, "Seven (a.k.a. Se7en)", 1995, ["Mystery", "Thriller"]);

    public static RecommendationsResponse List(params ItemInfo[] movies) => new()
    {
        MovieIds = [.. movies.Select(item => item.ItemId)],
        Movies = movies,
        Scores = [.. movies.Select((_, rank) => 0.9f - 0.1f * rank)],
        DebugTiming = new DebugTiming { TotalMs = 1.5 },
        RequestId = "request-1",
        ServedFromCache = false,
        Mode = "live",
        Version = "3f9a1c07be52",
    };
}
