using System.Text.Json.Serialization;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Recommendations;

/// <summary>What a query is answered with, apart from the request that asked: this is written once and kept.</summary>
public sealed record Answer
{
    public required IReadOnlyList<int> MovieIds { get; init; }

    public required IReadOnlyList<float> Scores { get; init; }

    public required IReadOnlyList<string> Explanations { get; init; }

    public IReadOnlyList<RecommendationReason>? Reasons { get; init; }

    /// <summary>Newest last, at most 20.</summary>
    public IReadOnlyList<MovieInfo>? History { get; init; }

    public required IReadOnlyList<MovieInfo> Movies { get; init; }

    public IReadOnlyList<int>? UnknownMovieIds { get; init; }

    public required string Version { get; init; }

    /// <summary>Set where popular items stand in for personal ones; said in the request's own part.</summary>
    [JsonIgnore]
    public string? FallbackReason { get; init; }

    /// <summary>How many events of the user it knew; with another number it is out of date.</summary>
    [JsonIgnore]
    public long Events { get; init; }
}
