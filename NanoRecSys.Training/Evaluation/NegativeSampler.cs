using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Evaluation;

/// <summary>
/// Draws negatives that are neither the target nor excluded, each once, every item alike: the target is mostly more
/// popular than they are, which flatters. What a user gets follows from the seed and the user alone: the same for every
/// model, in every order of users, on any number of threads.
/// </summary>
public sealed class NegativeSampler
{
    // Draws per negative before the rest is taken in order: where nearly all items are excluded, luck takes forever.
    private const int Patience = 100;

    private readonly int _items;
    private readonly long _seed;

    /// <param name="count">How many for each user.</param>
    /// <param name="items">V, the catalogue's size.</param>
    /// <param name="seed">Of all draws.</param>
    public NegativeSampler(int count, int items, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        (Count, _items, _seed) = (count, items, seed);
    }

    /// <summary>Negatives of each user; fewer only where the catalogue has no more.</summary>
    public int Count { get; }

    /// <summary><c>sampled-uniform-100</c>, ...</summary>
    public string Name => $"sampled-uniform-{Count}";

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
        int count = Math.Min(Count, _items - taken.Count);
        int drawn = 0;
        for (int attempt = 0; drawn < count && attempt < Patience * Count; attempt++)
        {
            int item = (int)random.Next(_items);
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
}
