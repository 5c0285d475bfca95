namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /users?query=&amp;limit=</c>: users to choose from.</summary>
public sealed record UserList(int Total, IReadOnlyList<UserSummary> Users)
{
    /// <summary>Without a query: a good first user, whose latest items are widely known.</summary>
    public EntityId? Suggested { get; init; }
}

public sealed record UserSummary(EntityId UserId, int Interactions);

/// <summary>Answer of <c>GET /users/{id}/history</c>: newest first.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Total">Length of the history; <paramref name="Items"/> may be shorter.</param>
/// <param name="Items">The newest items of the history.</param>
/// <param name="Degraded">The event store did not answer: events since the training are missing from the answer, not lost.</param>
public sealed record UserHistoryResponse(EntityId UserId, int Total, IReadOnlyList<ItemInfo> Items, bool Degraded = false);

/// <summary>Answer of <c>GET /users/{id}/lists</c> and <c>GET /items/{id}/lists</c>.</summary>
/// <param name="Version">The model version.</param>
/// <param name="Lists">Each with the best item first.</param>
public sealed record UserLists(string Version, IReadOnlyList<UserListOf> Lists);

/// <param name="Name"><c>served</c>, <c>retriever</c>, <c>item_models</c>, <c>similar</c> or <c>popular</c>.</param>
/// <param name="Models">The models that made it, if the version names them; each item-item model has its own list.</param>
/// <param name="Items">Best first.</param>
public sealed record UserListOf(string Name, IReadOnlyList<string> Models, IReadOnlyList<RecommendedItem> Items);

/// <summary>Answer of <c>GET /items?query=&amp;limit=</c> and <c>GET /items/{id}/similar</c>; scores only for the latter.</summary>
public sealed record ItemList(IReadOnlyList<ItemInfo> Items, IReadOnlyList<float>? Scores = null);

/// <summary>Answer of <c>GET /items/{id}</c>.</summary>
/// <param name="Item">The item's data.</param>
/// <param name="Interactions">Number in the served histories; 0 for an item that was added later.</param>
/// <param name="Place">1 for the item with the most interactions; null for one that was added later.</param>
/// <param name="Items">Number of items in the served model.</param>
/// <param name="X">On the map, -1..1; null if the version has no map or does not contain the item.</param>
/// <param name="Y">See <paramref name="X"/>.</param>
public sealed record ItemDetail(ItemInfo Item, int Interactions, int? Place, int Items, float? X, float? Y);

/// <summary>Answer of <c>GET /items/{id}/audience</c>: the users to whom the model would show it.</summary>
/// <param name="Users">Number of users in the served model.</param>
/// <param name="Sampled">Number of users examined: all with a history, or an even sample if there are too many to count at once.</param>
/// <param name="Seen">Those whose history contains it; they would not get it again.</param>
/// <param name="InTop10">Those who have it in the top ten of their list.</param>
/// <param name="InTop100">Those who have it in the top hundred of their list.</param>
/// <param name="First">Those who have it highest in their list, at most twelve.</param>
public sealed record ItemAudience(int Users, int Sampled, int Seen, int InTop10, int InTop100, IReadOnlyList<AudienceMember> First);

/// <param name="UserId">The user.</param>
/// <param name="Place">The item's rank in the user's list by cosine, before the ranker; 1 is the best.</param>
/// <param name="Interactions">Length of the user's history.</param>
public sealed record AudienceMember(EntityId UserId, int Place, int Interactions);

/// <summary>Answer of <c>GET /map</c>: the item embeddings on a plane.</summary>
/// <param name="Version">The model version.</param>
/// <param name="Method">Layout method.</param>
/// <param name="Kept">Share of a well-known item's ten nearest neighbors that are also its ten nearest on the plane.</param>
/// <param name="Points">All items of the model.</param>
public sealed record ItemMap(string Version, string Method, double Kept, IReadOnlyList<MapPoint> Points);

/// <param name="Item">The item.</param>
/// <param name="Interactions">The item's number of interactions.</param>
/// <param name="X">-1..1</param>
/// <param name="Y">-1..1</param>
public sealed record MapPoint(ItemInfo Item, int Interactions, float X, float Y);

/// <summary>Answer of <c>GET /catalog</c>: the catalog's contents, and the values for filters.</summary>
/// <param name="Word">The data's word for an item.</param>
/// <param name="Items">Number in the served model, without those added later.</param>
/// <param name="Users">Number in the served model.</param>
/// <param name="Interactions">Number in the served histories.</param>
/// <param name="Categories">Most common first.</param>
/// <param name="Attributes">Sorted by name.</param>
public sealed record CatalogOverview(
    ItemWord Word, int Items, int Users, long Interactions, IReadOnlyList<ValueCount> Categories, IReadOnlyList<AttributeOverview> Attributes);

/// <summary>The data's word for an item, such as <c>film</c> and <c>films</c>.</summary>
public sealed record ItemWord(string Singular, string Plural)
{
    public static ItemWord Item { get; } = new("item", "items");
}

/// <param name="Value">A category, or an attribute's value.</param>
/// <param name="Items">Number of items that have it.</param>
public sealed record ValueCount(string Value, int Items);

/// <summary>An attribute of items in the catalog.</summary>
/// <param name="Name">As in the data; not case-sensitive.</param>
/// <param name="Kind">Type of its values; <c>where</c> compares numbers and times, and searches texts and categories.</param>
/// <param name="Items">Number of items that have it.</param>
public sealed record AttributeOverview(string Name, [property: JsonConverter(typeof(AttributeKindConverter))] AttributeKind Kind, int Items)
{
    /// <summary>The smallest number or time; null for other kinds.</summary>
    [JsonConverter(typeof(ShownValueConverter))]
    public AttributeValue? Min { get; init; }

    /// <summary>The largest number or time; null for other kinds.</summary>
    [JsonConverter(typeof(ShownValueConverter))]
    public AttributeValue? Max { get; init; }

    /// <summary>The values of a category or categories: most common first, at most 100.</summary>
    public IReadOnlyList<ValueCount>? Values { get; init; }
}

/// <summary>Body of <c>POST /recommend/session</c>: recommendations for a list of items, without an account.</summary>
public sealed record SessionRequest
{
    /// <summary>1 to 1000, oldest first.</summary>
    public required IReadOnlyList<EntityId> MovieIds { get; init; }

    /// <summary>When the user watched each of them, in seconds since 1970; default: just now.</summary>
    public IReadOnlyList<long>? Times { get; init; }

    public int K { get; init; } = 10;

    public bool Explain { get; init; }

    public bool IncludeHistory { get; init; }

    /// <inheritdoc cref="RecommendRequest.Filters"/>
    public FilterRequest? Filters { get; init; }

    /// <inheritdoc cref="RecommendRequest.Diversity"/>
    public double Diversity { get; init; }

    /// <inheritdoc cref="RecommendRequest.PopularityPenalty"/>
    public double PopularityPenalty { get; init; }
}

/// <summary>Answer of <c>GET /catalog/data</c>: how the interactions of the served model are distributed over users, items and time.</summary>
/// <param name="Version">The model version.</param>
/// <param name="MedianHistory">Half of the users have fewer interactions.</param>
/// <param name="LongestHistory">Length of the longest history.</param>
/// <param name="HistoryLengths">Users by the length of their history.</param>
/// <param name="Popularity">Items by their interactions.</param>
/// <param name="Concentration">Shares of all interactions that the most popular items have.</param>
/// <param name="First">The oldest interaction; null if the data has no times.</param>
/// <param name="Last">The newest interaction; null if the data has no times.</param>
/// <param name="Over">Interactions in steps of equal length from <paramref name="First"/> to <paramref name="Last"/>; empty if the data has no times.</param>
public sealed record DataOverview(
    string Version, int MedianHistory, int LongestHistory, IReadOnlyList<CountBand> HistoryLengths, IReadOnlyList<CountBand> Popularity,
    IReadOnlyList<PopularityShare> Concentration, DateTimeOffset? First, DateTimeOffset? Last, IReadOnlyList<long> Over);

/// <param name="From">Smallest number of interactions.</param>
/// <param name="To">Largest number of interactions.</param>
/// <param name="Count">Number of users or items in this range.</param>
public sealed record CountBand(int From, int To, int Count);

/// <param name="Top">Share of all items, counted from the most popular.</param>
/// <param name="Interactions">Their share of all interactions.</param>
public sealed record PopularityShare(double Top, double Interactions);
