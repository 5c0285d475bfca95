namespace NanoRecSys.Api.Recommendations;

/// <summary>What somebody without an account has watched.</summary>
/// <param name="MovieIds">At least one, oldest first unless there are times.</param>
/// <param name="Times">Beside <paramref name="MovieIds"/>, in seconds since 1970; null where only the order is known.</param>
public sealed record Session(IReadOnlyList<int> MovieIds, IReadOnlyList<long>? Times)
{
    /// <summary>Oldest first; of equal times in the order given.</summary>
    public IEnumerable<(int MovieId, long Time)> InOrder() => MovieIds
        .Select((movie, i) => (movie, Times?[i] ?? 0))
        .OrderBy(watched => watched.Item2);
}
