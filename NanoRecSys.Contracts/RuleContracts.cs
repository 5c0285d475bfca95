namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /rules</c> and <c>PUT /rules</c>, and the body of the latter.</summary>
/// <param name="Version">Grows with every change; a <c>PUT</c> names the version that it replaces. 0 before the first.</param>
/// <param name="Rules">At most 50. Where two pin the same item or position, the earlier one counts.</param>
public sealed record RuleDocument(long Version, IReadOnlyList<Rule> Rules);

/// <summary>Changes every list of recommendations while it is in force. What it hides never comes back, whatever pins it.</summary>
public sealed record Rule
{
    /// <summary>1 to 64 characters, of no other rule.</summary>
    public required string Name { get; init; }

    public bool Enabled { get; init; } = true;

    /// <summary>In force from then on; always where it is left out.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>No longer in force from then on.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <inheritdoc cref="RecommendationsRequest.Boost"/>
    public IReadOnlyList<BoostRequest>? Boost { get; init; }

    /// <inheritdoc cref="RecommendationsRequest.Pin"/>
    public IReadOnlyList<PinRequest>? Pin { get; init; }

    /// <summary>Items that are not recommended, at most 20 selections.</summary>
    public IReadOnlyList<ItemSelection>? Hide { get; init; }
}

/// <summary>Body of <c>POST /recommendations/preview</c>: that of <c>POST /recommendations</c>, answered by other rules or by another version.</summary>
public sealed record PreviewRequest : RecommendationsRequest
{
    /// <summary>Instead of the stored ones; an empty list for none.</summary>
    public IReadOnlyList<Rule>? Rules { get; init; }

    /// <summary>A published version instead of the one that serves the user.</summary>
    public string? Version { get; init; }
}
