using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Evaluation;

/// <summary>What sampled negatives are like.</summary>
public enum NegativeKind
{
    /// <summary>Every item alike: the target is mostly more popular than they are, which flatters.</summary>
    Uniform,

    /// <summary>By their count in the training part, and one more.</summary>
    Popular,

    /// <summary>Half of each.</summary>
    Mixed,
}

/// <summary>
/// Draws negatives that are neither the target nor excluded, each once. What a user gets follows from the seed
/// and the user alone: the same for every model, in every order of users, on any number of threads.
/// </summary>
public sealed class NegativeSampler
{
    // Draws per negative before the rest is taken in order: where nearly all that is popular is excluded, luck takes forever.
    private const int Patience = 100;

    private readonly NegativeKind _kind;
    private readonly long _seed;
    private readonly long[] _cumulative; // [V] of count + 1

    /// <param name="kind">What they are like.</param>
    /// <param name="count">How many for each user.</param>
    /// <param name="trainCounts">[V]</param>
    /// <param name="seed">Of all draws.</param>
    public NegativeSampler(NegativeKind kind, int count, IReadOnlyList<int> trainCounts, long seed)
    {
        ArgumentNullException.ThrowIfNull(trainCounts);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        (_kind, Count, _seed) = (kind, count, seed);
        _cumulative = new long[trainCounts.Count];
        long total = 0;
        for (int item = 0; item < _cumulative.Length; item++)
        {
            total += trainCounts[item] + 1;
            _cumulative[item] = total;
        }
    }

    /// <summary>Negatives of each user; fewer only where the catalogue has no more.</summary>
    public int Count { get; }

    /// <summary><c>sampled-uniform-100</c>, ...</summary>
    public string Name => $"sampled-{_kind.ToString().ToLowerInvariant()}-{Count}";

    /// <param name="user">Whose negatives.</param>
    /// <param name="target">Never drawn.</param>
    /// <param name="excluded">Never drawn.</param>
    /// <param name="taken">[V] a set to work with, empty before and after.</param>
    /// <param name="negatives">[<see cref="Count"/>] filled from the start.</param>
    /// <returns>How many there are.</returns>
    public int Draw(int user, int target, ReadOnlySpan<int> excluded, RowSet taken, Span<int> negatives)
    {
        ArgumentNullException.ThrowIfNull(taken);
        taken.AddRange(excluded);
        bool isTargetNew = taken.Add(target);
        var random = new SeededDraws(_seed, user);
        int count = Math.Min(Count, _cumulative.Length - taken.Count);
        int drawn = 0;
        for (int attempt = 0; drawn < count && attempt < Patience * Count; attempt++)
        {
            bool isPopular = _kind == NegativeKind.Popular || (_kind == NegativeKind.Mixed && drawn < count / 2);
            int item = isPopular ? ByPopularity(random.Next(_cumulative[^1])) : (int)random.Next(_cumulative.Length);
            if (taken.Add(item))
            {
                negatives[drawn++] = item;
            }
        }

        for (int item = 0; drawn < count; item++)
        {
            if (taken.Add(item))
            {
                negatives[drawn++] = item;
            }
        }

        taken.RemoveRange(negatives[..drawn]);
        taken.RemoveRange(excluded);
        taken.RemoveRange(isTargetNew ? [target] : []);
        return drawn;
    }

    private int ByPopularity(long draw)
    {
        int place = Array.BinarySearch(_cumulative, draw + 1); // item i owns the draws below its cumulative count
        return place >= 0 ? place : ~place;
    }
}
