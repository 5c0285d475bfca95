namespace NanoRecSys.Api.Recommendations;

/// <summary>What a user has seen, as the model knows it.</summary>
/// <param name="Rows">Item rows, oldest first.</param>
/// <param name="EmptyReason">Why there is none, where there is none: the answer's <c>fallback_reason</c>.</param>
/// <param name="UnknownMovieIds">A session's movies that the catalog does not hold.</param>
public sealed record History(int[] Rows, string? EmptyReason = null, IReadOnlyList<int>? UnknownMovieIds = null)
{
    /// <summary>When each of <see cref="Rows"/> came; none of a session, which came just now.</summary>
    public ReadOnlyMemory<long> Times { get; init; }

    /// <summary>When it is asked what follows; see <see cref="Models.ModelSnapshot.DataUntil"/>.</summary>
    public long Now { get; init; }

    /// <summary>Rows that are not recommended although the model does not read them: disliked, or newer than the model.</summary>
    public IReadOnlyList<int> Excluded { get; init; } = [];

    /// <summary>How many events it holds beside what the model was published with.</summary>
    public long Events { get; init; }

    /// <summary>The user's place among the published histories, where this one is just what was published; null where it is not.</summary>
    public int? PublishedAt { get; init; }

    /// <summary>False where Redis could not be asked for the user's events.</summary>
    public bool IsWhole { get; init; } = true;
}
