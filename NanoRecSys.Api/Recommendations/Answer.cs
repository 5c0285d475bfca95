using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Recommendations;

/// <summary>What a query is answered with, apart from the request that asked: this is what the cache keeps.</summary>
public sealed record Answer
{
    public required IReadOnlyList<MovieInfo> Movies { get; init; }

    public required IReadOnlyList<float> Scores { get; init; }

    public IReadOnlyList<RecommendationReason>? Reasons { get; init; }

    public IReadOnlyList<string>? Explanations { get; init; }

    /// <summary>Newest last, at most 20.</summary>
    public IReadOnlyList<MovieInfo>? History { get; init; }

    public IReadOnlyList<int>? UnknownMovieIds { get; init; }

    /// <summary>Set where popular items stand in for personal ones.</summary>
    public string? FallbackReason { get; init; }

    public required string Version { get; init; }

    /// <summary>How many events of the user it knew; with another number it is out of date.</summary>
    public long Events { get; init; }
}
