namespace NanoRecSys.Contracts;

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
