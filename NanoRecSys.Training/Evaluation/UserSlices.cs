using NanoRecSys.Core.Evaluation;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Parts of the users: by how popular their target is, and by how much is known of them.</summary>
public sealed class UserSlices
{
    private readonly IReadOnlyList<Slice> _slices;

    private UserSlices(IReadOnlyList<Slice> slices) => _slices = slices;

    /// <param name="users">Who was ranked for.</param>
    /// <param name="trainCounts">[V] training interactions of each item.</param>
    public static UserSlices Of(RankedUsers users, IReadOnlyList<int> trainCounts)
    {
        ArgumentNullException.ThrowIfNull(users);
        ArgumentNullException.ThrowIfNull(trainCounts);
        int[] targetCounts = Array.ConvertAll(users.Targets, target => trainCounts[target]);
        // Thirds of all interactions: a few items make the head, most items the tail.
        (int tailEnd, int midEnd) = Thirds([.. trainCounts], [.. trainCounts]);
        (int shortEnd, int mediumEnd) = Thirds(users.HistoryLengths, [.. Enumerable.Repeat(1, users.Users.Length)]);
        return new UserSlices([
            .. Part("target-popularity", targetCounts, tailEnd, midEnd, ["tail", "mid", "head"]).Reverse(),
            .. Part("history-length", users.HistoryLengths, shortEnd, mediumEnd, ["short", "medium", "long"])]);
    }

    /// <param name="ranks">[U] one model's ranks.</param>
    /// <param name="depth">See <see cref="RankingMetrics.Of"/>.</param>
    public IReadOnlyList<EvaluationSlice> Evaluate(IReadOnlyList<int> ranks, int? depth) =>
        [.. _slices.Select(slice => new EvaluationSlice(
            slice.By, slice.Name, slice.From, slice.To, slice.Places.Length,
            RankingMetrics.Of([.. slice.Places.Select(place => ranks[place])], depth)))];

    /// <summary>The values at which the first and the second third of all weight are reached; equal values stay together.</summary>
    private static (int First, int Second) Thirds(int[] values, int[] weights)
    {
        int[] sorted = [.. values];
        Array.Sort(sorted, weights);
        long total = weights.Sum(weight => (long)weight);
        return (ValueAt(total / 3.0), ValueAt(total * 2 / 3.0));

        int ValueAt(double share)
        {
            long sum = 0;
            for (int i = 0; i < sorted.Length; i++)
            {
                sum += weights[i];
                if (sum >= share)
                {
                    return sorted[i];
                }
            }

            return 0;
        }
    }

    /// <param name="by">What they are parted by.</param>
    /// <param name="values">[U]</param>
    /// <param name="firstEnd">Largest value of the first part.</param>
    /// <param name="secondEnd">Largest value of the second part.</param>
    /// <param name="names">Of the three parts, in ascending order.</param>
    private static IEnumerable<Slice> Part(string by, int[] values, int firstEnd, int secondEnd, string[] names)
    {
        for (int part = 0; part < names.Length; part++)
        {
            int[] places = [.. Enumerable.Range(0, values.Length)
                .Where(place => part == (values[place] <= firstEnd ? 0 : values[place] <= secondEnd ? 1 : 2))];
            int[] own = [.. places.Select(place => values[place])];
            yield return new Slice(by, names[part], own.DefaultIfEmpty(0).Min(), own.DefaultIfEmpty(0).Max(), places);
        }
    }

    private sealed record Slice(string By, string Name, int From, int To, int[] Places);
}
