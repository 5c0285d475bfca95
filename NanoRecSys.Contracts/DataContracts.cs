namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /catalog/data</c>: how the interactions of the served model are spread over users, items and time.</summary>
/// <param name="Version">The model's.</param>
/// <param name="MedianHistory">Half of the users have fewer interactions.</param>
/// <param name="LongestHistory">Most interactions of a user.</param>
/// <param name="HistoryLengths">Users by the length of their history.</param>
/// <param name="Popularity">Items by their interactions.</param>
/// <param name="Concentration">How much of all interactions the most popular items have.</param>
/// <param name="First">The oldest interaction; null where the data has no times.</param>
/// <param name="Last">The newest interaction; null where the data has no times.</param>
/// <param name="Over">Interactions in steps of equal length from <paramref name="First"/> to <paramref name="Last"/>; empty where the data has no times.</param>
public sealed record DataOverview(
    string Version, int MedianHistory, int LongestHistory, IReadOnlyList<CountBand> HistoryLengths, IReadOnlyList<CountBand> Popularity,
    IReadOnlyList<PopularityShare> Concentration, DateTimeOffset? First, DateTimeOffset? Last, IReadOnlyList<long> Over);

/// <param name="From">Least number of interactions.</param>
/// <param name="To">Largest number of interactions.</param>
/// <param name="Count">Users or items with as many.</param>
public sealed record CountBand(int From, int To, int Count);

/// <param name="Top">Share of the items, the most popular ones.</param>
/// <param name="Interactions">Their share of all interactions.</param>
public sealed record PopularityShare(double Top, double Interactions);
