using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Models;

/// <summary>
/// What people start with here: how many had a movie among their first ten. Somebody new does as they did: on three data
/// sets it names 17 to 25% more of a newcomer's first ten movies than counts of all interactions do (docs/decisions.md).
/// </summary>
public sealed class FirstMovies
{
    /// <summary>Movies of one person that count: 5 and 20 foretold fewer.</summary>
    public const int PerUser = 10;

    private readonly int[] _counts; // [V]

    private FirstMovies(int[] counts, IReadOnlyList<int> byCount) => (_counts, ByCount) = (counts, byCount);

    /// <summary>All item rows, those that most people start with first; of equal ones the more popular first.</summary>
    public IReadOnlyList<int> ByCount { get; }

    /// <summary>Of the first of <see cref="ByCount"/>.</summary>
    public int Most => ByCount.Count == 0 ? 0 : _counts[ByCount[0]];

    /// <param name="histories">Of rows below the catalog's count.</param>
    /// <param name="byPopularity">[V] rows, most interactions first.</param>
    public static FirstMovies Of(UserHistories histories, IReadOnlyList<int> byPopularity)
    {
        ArgumentNullException.ThrowIfNull(histories);
        ArgumentNullException.ThrowIfNull(byPopularity);
        var counts = new int[byPopularity.Count];
        for (int user = 0; user < histories.UserCount; user++)
        {
            ReadOnlySpan<int> history = histories.At(user);
            ReadOnlySpan<int> first = history[..Math.Min(history.Length, PerUser)];
            for (int t = 0; t < first.Length; t++)
            {
                counts[first[t]] += first[..t].Contains(first[t]) ? 0 : 1; // a person counts once
            }
        }

        return new FirstMovies(counts, [.. byPopularity.OrderByDescending(row => counts[row])]); // the sort is stable
    }

    /// <returns>0 for movies that came after the training.</returns>
    public int CountOf(int row) => row < _counts.Length ? _counts[row] : 0;
}
