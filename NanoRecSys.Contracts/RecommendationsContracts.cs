using System.Text.Json.Nodes;

namespace NanoRecSys.Contracts;

/// <summary>
/// Body of <c>POST /recommendations</c>: a user or a session, an item in view, or both. Unknown fields are refused.
/// </summary>
public record RecommendationsRequest
{
    public EntityId? UserId { get; init; }

    /// <summary>1 to 1000 items instead of a user, oldest first unless they have times.</summary>
    public IReadOnlyList<SessionItem>? Session { get; init; }

    /// <summary>The item in view: it counts as the newest of the history, and is not recommended.</summary>
    public EntityId? ItemId { get; init; }

    /// <summary>1..1000</summary>
    public int K { get; init; } = 10;

    /// <summary>Number of items to skip, 0 to 9000.</summary>
    public int Offset { get; init; }

    /// <summary>Gives each item a reason.</summary>
    public bool Explain { get; init; }

    public bool IncludeHistory { get; init; }

    /// <summary>Which items may be recommended.</summary>
    public ItemFilterRequest? Filters { get; init; }

    /// <summary>0..1: how much an item should differ from those above it.</summary>
    public double Diversity { get; init; }

    /// <summary>0..1: how much popularity counts against an item.</summary>
    public double PopularityPenalty { get; init; }

    /// <summary>At most 20; if several match an item, their factors are multiplied.</summary>
    public IReadOnlyList<BoostRequest>? Boost { get; init; }

    /// <summary>At most 100.</summary>
    public IReadOnlyList<PinRequest>? Pin { get; init; }

    /// <summary>0..20: leaves out the items of this many of the user's last lists.</summary>
    public int ExcludeShown { get; init; }

    /// <summary>Where the list is shown, for <c>GET /outcomes</c>: 1 to 32 letters, digits, <c>.</c>, <c>_</c> or <c>-</c>; default: <c>default</c>.</summary>
    public string? Surface { get; init; }
}

/// <param name="ItemId">The item.</param>
/// <param name="Time">Seconds since 1970, or ISO 8601; either all items of a session have one or none has.</param>
public sealed record SessionItem(EntityId ItemId, long? Time = null);

/// <summary>Which items may be recommended. The search itself filters, so K items are returned if K exist.</summary>
public sealed record ItemFilterRequest
{
    /// <summary>At least one of these categories.</summary>
    public IReadOnlyList<string>? CategoriesAny { get; init; }

    /// <summary>None of these categories.</summary>
    public IReadOnlyList<string>? CategoriesNone { get; init; }

    /// <summary>Conditions that must all hold, at most 50.</summary>
    public IReadOnlyList<AttributeCondition>? Where { get; init; }

    /// <summary>Items to choose from, at most 1000.</summary>
    public IReadOnlyList<EntityId>? IncludeIds { get; init; }

    /// <summary>Items to leave out, at most 1000.</summary>
    public IReadOnlyList<EntityId>? ExcludeIds { get; init; }

    /// <summary>Minimum number of interactions.</summary>
    public int? MinPopularity { get; init; }

    /// <summary>Maximum number of interactions.</summary>
    public int? MaxPopularity { get; init; }
}

/// <summary>A condition on an attribute, or on <c>title</c>, <c>categories</c> or <c>created_at</c>. An item without the attribute meets only <c>!=</c>.</summary>
/// <param name="Field">The attribute's name.</param>
/// <param name="Op">
/// <c>=</c>, <c>!=</c>, <c>in</c>; for numbers and times also <c>&lt;</c>, <c>&lt;=</c>, <c>&gt;</c>, <c>&gt;=</c>; for texts and categories
/// also <c>contains</c>: a part of the text, not case-sensitive.
/// </param>
/// <param name="Value">A number, a string or an ISO time; a list of them for <c>in</c>.</param>
public sealed record AttributeCondition(string Field, string Op, JsonNode? Value);

/// <summary>A selection of catalog items; at least one field is required, and an item must meet all that are present.</summary>
public record ItemSelection
{
    /// <summary>At most 1000.</summary>
    public IReadOnlyList<EntityId>? ItemIds { get; init; }

    /// <inheritdoc cref="ItemFilterRequest.CategoriesAny"/>
    public IReadOnlyList<string>? CategoriesAny { get; init; }

    /// <inheritdoc cref="ItemFilterRequest.Where"/>
    public IReadOnlyList<AttributeCondition>? Where { get; init; }
}

/// <summary>Multiplies the odds that an item is in the list.</summary>
public sealed record BoostRequest : ItemSelection
{
    /// <summary>0.001 to 1000; a factor below 1 moves the items down.</summary>
    public double Factor { get; init; }
}

/// <param name="ItemId">Shown even if a filter other than <c>exclude_ids</c> leaves it out, or the user already has it.</param>
/// <param name="Position">1 is the top of the whole list, before <c>offset</c>.</param>
public sealed record PinRequest(EntityId ItemId, int Position);

/// <summary>Answer of <c>POST /recommendations</c>, best first.</summary>
public sealed record RecommendationsResponse
{
    public required IReadOnlyList<RecommendedItem> Items { get; init; }

    /// <summary>Newest last, at most 20; only if requested.</summary>
    public IReadOnlyList<ItemInfo>? History { get; init; }

    /// <summary>Ids of the request that are not in the catalog; they were ignored.</summary>
    public IReadOnlyList<EntityId>? UnknownItemIds { get; init; }

    /// <summary>Names of the stored rules in force, whether they changed this list or not; omitted if there are none.</summary>
    public IReadOnlyList<string>? Rules { get; init; }

    /// <inheritdoc cref="RecommendResponse.Version"/>
    public required string Version { get; init; }

    public required DebugTiming DebugTiming { get; init; }

    public required string RequestId { get; init; }

    public required bool ServedFromCache { get; init; }

    /// <inheritdoc cref="RecommendResponse.Mode"/>
    public required string Mode { get; init; }

    /// <inheritdoc cref="RecommendResponse.Stages"/>
    public IReadOnlyList<StageTiming>? Stages { get; init; }
}

/// <summary>A recommended item.</summary>
public sealed record RecommendedItem(EntityId ItemId, string Title, IReadOnlyList<string> Categories) : ItemInfo(ItemId, Title, Categories)
{
    internal RecommendedItem(ItemInfo item, float score)
        : this(item.ItemId, item.Title, item.Categories)
    {
        (Attributes, ImageUrl, CreatedAt) = (item.Attributes, item.ImageUrl, item.CreatedAt);
        (AvailableFrom, AvailableUntil, Score) = (item.AvailableFrom, item.AvailableUntil, score);
    }

    /// <summary>The model's score, including the boost.</summary>
    [JsonPropertyOrder(1)]
    public float Score { get; init; }

    /// <summary>Only with <c>explain</c>.</summary>
    [JsonPropertyOrder(1)]
    public ItemReason? Reason { get; init; }

    /// <summary>The applied factor; omitted if there was none.</summary>
    [JsonPropertyOrder(1)]
    public double? Boosted { get; init; }

    /// <summary>True if the request or a rule pinned it to its position; otherwise omitted.</summary>
    [JsonPropertyOrder(1)]
    public bool? Pinned { get; init; }

    /// <summary>Names of the rules that boosted or pinned it; omitted if none did.</summary>
    [JsonPropertyOrder(1)]
    public IReadOnlyList<string>? Rules { get; init; }
}

/// <summary>Why an item was recommended.</summary>
/// <param name="Text">In words.</param>
/// <param name="Kind"><c>history</c>, <c>popular</c>, or <c>similar</c> if the model cannot measure contributions.</param>
/// <param name="Because">Up to three items of the history that contributed most, the largest contribution first.</param>
/// <param name="SharedCategories">Categories it has in common with the first of these.</param>
public sealed record ItemReason(string Text, string Kind, IReadOnlyList<ContributingItem> Because, IReadOnlyList<string> SharedCategories)
{
    /// <summary>Whether it was added after the training.</summary>
    public bool IsNew { get; init; }

    /// <summary>Number of interactions; only if <c>popular</c>.</summary>
    public int? Interactions { get; init; }

    /// <summary>How many users had it among their first ten items; only if <c>popular</c>, for a new user.</summary>
    public int? FirstOf { get; init; }
}

/// <param name="Item">The item of the history.</param>
/// <param name="Contribution">The recommended item's score minus its score without this item; for a <c>similar</c> reason, the cosine of both.</param>
public sealed record ContributingItem(ItemInfo Item, float Contribution);

/// <summary>Answer of <c>GET /rules</c> and <c>PUT /rules</c>, and body of the latter.</summary>
/// <param name="Version">Increases with every change; a <c>PUT</c> names the version that it replaces. 0 before the first change.</param>
/// <param name="Rules">At most 50. If two pin the same item or position, the earlier one counts.</param>
public sealed record RuleDocument(long Version, IReadOnlyList<Rule> Rules);

/// <summary>Changes every list of recommendations while in force. Hidden items are never shown, even if pinned.</summary>
public sealed record Rule
{
    /// <summary>1 to 64 characters, unique among the rules.</summary>
    public required string Name { get; init; }

    public bool Enabled { get; init; } = true;

    /// <summary>Start of the period in which the rule is in force; default: always.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>End of the period.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <inheritdoc cref="RecommendationsRequest.Boost"/>
    public IReadOnlyList<BoostRequest>? Boost { get; init; }

    /// <inheritdoc cref="RecommendationsRequest.Pin"/>
    public IReadOnlyList<PinRequest>? Pin { get; init; }

    /// <summary>Items that are not recommended, at most 20 selections.</summary>
    public IReadOnlyList<ItemSelection>? Hide { get; init; }
}

/// <summary>Body of <c>POST /recommendations/preview</c>: the body of <c>POST /recommendations</c>, with other rules or another version to answer it.</summary>
public sealed record PreviewRequest : RecommendationsRequest
{
    /// <summary>Replaces the stored rules; an empty list means no rules.</summary>
    public IReadOnlyList<Rule>? Rules { get; init; }

    /// <summary>A published version to use instead of the one that serves the user.</summary>
    public string? Version { get; init; }
}
