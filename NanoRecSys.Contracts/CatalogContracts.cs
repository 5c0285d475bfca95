namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /users?query=&amp;limit=</c>: people to pick from.</summary>
public sealed record UserList(int Total, IReadOnlyList<UserSummary> Users)
{
    /// <summary>Without a query: a user whose last items most people know, to begin with.</summary>
    public EntityId? Suggested { get; init; }
}

public sealed record UserSummary(EntityId UserId, int Interactions);

/// <summary>Answer of <c>GET /users/{id}/history</c>: newest first.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="Total">How many there are; <paramref name="Items"/> may be fewer.</param>
/// <param name="Items">The newest of them.</param>
/// <param name="Degraded">The store of events did not answer: what came in since the training is missing, not gone.</param>
public sealed record UserHistoryResponse(EntityId UserId, int Total, IReadOnlyList<ItemInfo> Items, bool Degraded = false);

/// <summary>Answer of <c>GET /users/{id}/lists</c> and <c>GET /items/{id}/lists</c>.</summary>
/// <param name="Version">The model's.</param>
/// <param name="Lists">Best first each.</param>
public sealed record UserLists(string Version, IReadOnlyList<UserListOf> Lists);

/// <param name="Name"><c>served</c>, <c>retriever</c>, <c>item_models</c>, <c>similar</c> or <c>popular</c>.</param>
/// <param name="Models">What made it, where the version names that; each item-item model has a list of its own.</param>
/// <param name="Items">Best first.</param>
public sealed record UserListOf(string Name, IReadOnlyList<string> Models, IReadOnlyList<RecommendedItem> Items);

/// <summary>Answer of <c>GET /items?query=&amp;limit=</c> and <c>GET /items/{id}/similar</c>; scores only for the latter.</summary>
public sealed record ItemList(IReadOnlyList<ItemInfo> Items, IReadOnlyList<float>? Scores = null);

/// <summary>Answer of <c>GET /items/{id}</c>.</summary>
/// <param name="Item">What is known of it.</param>
/// <param name="Interactions">In the histories that are served; 0 for an item that was added since.</param>
/// <param name="Place">1 for the item with the most interactions; null for one that was added since.</param>
/// <param name="Items">In the served model.</param>
/// <param name="X">On the map, -1..1; null where the version has none, or it does not know the item.</param>
/// <param name="Y">As <paramref name="X"/>.</param>
public sealed record ItemDetail(ItemInfo Item, int Interactions, int? Place, int Items, float? X, float? Y);

/// <summary>Answer of <c>GET /items/{id}/audience</c>: whom the model would show it to.</summary>
/// <param name="Users">Of the served model.</param>
/// <param name="Sampled">Users who were looked at: all with a history unless they are too many to be counted at once, else some, evenly spread over all.</param>
/// <param name="Seen">Those of them whose history has it; they would not get it again.</param>
/// <param name="InTop10">Those in whose list it is among the first ten.</param>
/// <param name="InTop100">Those in whose list it is among the first hundred.</param>
/// <param name="First">Those in whose list it is highest, at most twelve.</param>
public sealed record ItemAudience(int Users, int Sampled, int Seen, int InTop10, int InTop100, IReadOnlyList<AudienceMember> First);

/// <param name="UserId">Who.</param>
/// <param name="Place">Of the item in their list by cosine, before the ranker: 1 is the best.</param>
/// <param name="Interactions">Length of their history.</param>
public sealed record AudienceMember(EntityId UserId, int Place, int Interactions);

/// <summary>Answer of <c>GET /map</c>: the item embeddings on a plane.</summary>
/// <param name="Version">The model's.</param>
/// <param name="Method">How it was laid out.</param>
/// <param name="Kept">Share of a well-known item's nearest ten that are its nearest ten on the plane, too.</param>
/// <param name="Points">All items of the model.</param>
public sealed record ItemMap(string Version, string Method, double Kept, IReadOnlyList<MapPoint> Points);

/// <param name="Item">Which.</param>
/// <param name="Interactions">How often it was interacted with.</param>
/// <param name="X">-1..1</param>
/// <param name="Y">-1..1</param>
public sealed record MapPoint(ItemInfo Item, int Interactions, float X, float Y);

/// <summary>Answer of <c>GET /catalog</c>: what the catalog holds, and what a filter can ask for.</summary>
/// <param name="Word">What the data calls an item.</param>
/// <param name="Items">In the served model; those that were added since are not counted.</param>
/// <param name="Users">In the served model.</param>
/// <param name="Interactions">In the histories that are served.</param>
/// <param name="Categories">The most common first.</param>
/// <param name="Attributes">By name.</param>
public sealed record CatalogOverview(
    ItemWord Word, int Items, int Users, long Interactions, IReadOnlyList<ValueCount> Categories, IReadOnlyList<AttributeOverview> Attributes);

/// <summary>What the data calls an item, such as <c>film</c> and <c>films</c>.</summary>
public sealed record ItemWord(string Singular, string Plural)
{
    public static ItemWord Item { get; } = new("item", "items");
}

/// <param name="Value">A category, or an attribute's value.</param>
/// <param name="Items">How many have it.</param>
public sealed record ValueCount(string Value, int Items);

/// <summary>An attribute that items of the catalog have.</summary>
/// <param name="Name">As in the data; compared without regard to case.</param>
/// <param name="Kind">Of its values; <c>where</c> compares numbers and times, and finds texts and categories.</param>
/// <param name="Items">How many have it.</param>
public sealed record AttributeOverview(string Name, [property: JsonConverter(typeof(AttributeKindConverter))] AttributeKind Kind, int Items)
{
    /// <summary>Of a number or a time.</summary>
    [JsonConverter(typeof(ShownValueConverter))]
    public AttributeValue? Min { get; init; }

    /// <summary>Of a number or a time.</summary>
    [JsonConverter(typeof(ShownValueConverter))]
    public AttributeValue? Max { get; init; }

    /// <summary>Of a category or categories: the most common first, at most 100.</summary>
    public IReadOnlyList<ValueCount>? Values { get; init; }
}

/// <summary>Body of <c>POST /recommend/session</c>: recommendations for a list of movies, without an account.</summary>
public sealed record SessionRequest
{
    /// <summary>1 to 1000, oldest first.</summary>
    public required IReadOnlyList<EntityId> MovieIds { get; init; }

    /// <summary>When each of them was watched, in seconds since 1970; just now where it is left out.</summary>
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
