using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Evaluates a model by ranking all items for every user and looking up the one that came next.</summary>
/// <param name="split">Whose items to predict.</param>
/// <param name="items">V, the catalogue's size.</param>
public sealed class FullRanking(DataSplit split, int items)
{
    private const int LargestBatch = 256;
    private const int ScoresPerBatch = 1 << 24; // 64 MiB of scores, however large the catalogue.

    /// <summary>Which seen items are left out.</summary>
    public Exclusion Exclude { get; init; } = Exclusion.History;

    /// <summary>L: how much of the history <see cref="Exclusion.Window"/> leaves out.</summary>
    public int Window { get; init; } = 200;

    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <param name="scorer">The model.</param>
    /// <param name="part">Validation or test.</param>
    /// <param name="progress">Told the share of users that are done, 0..1.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public EvaluationResult Evaluate(IScorer scorer, HeldOut part, Action<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        int[] ranks = Ranks(scorer, part, progress, cancellation);
        return new EvaluationResult(
            scorer.Name, NameOf(part), ranks.Length, items, NameOf(Exclude), RankingMetrics.Of(ranks, scorer.Depth));
    }

    /// <summary>[users with a held-out item] ranks of their targets, in the users' order.</summary>
    public int[] Ranks(IScorer scorer, HeldOut part, Action<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        (ReadOnlyMemory<int> Before, int Target)[] cases = Cases(part);
        int[] ranks = new int[cases.Length];
        int batch = Math.Clamp(ScoresPerBatch / Math.Max(1, items), 1, LargestBatch);
        float[] scores = new float[batch * items]; // [B, V]
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = cancellation };
        for (int start = 0; start < cases.Length; start += batch)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(batch, cases.Length - start), first = start;
            scorer.Score([.. cases.AsSpan(start, count).ToArray().Select(c => c.Before)], scores.AsSpan(0, count * items));
            Parallel.For(0, count, parallel, b =>
            {
                (ReadOnlyMemory<int> before, int target) = cases[first + b];
                ranks[first + b] = TargetRank.Of(scores.AsSpan(b * items, items), target, Excluded(before.Span));
            });
            progress?.Invoke((double)(start + count) / cases.Length);
        }

        return ranks;
    }

    public static string NameOf(HeldOut part) => part == HeldOut.Test ? "test" : "validation";

    public static string NameOf(Exclusion exclude) => exclude switch
    {
        Exclusion.History => "history",
        Exclusion.Window => "window",
        _ => "none",
    };

    private (ReadOnlyMemory<int> Before, int Target)[] Cases(HeldOut part)
    {
        var cases = new List<(ReadOnlyMemory<int>, int)>(split.UserCount);
        for (int user = 0; user < split.UserCount; user++)
        {
            if (split.TryGet(user, part, out HeldOutCase found))
            {
                cases.Add((found.Before, found.Target));
            }
        }

        return [.. cases];
    }

    private int[] Excluded(ReadOnlySpan<int> before)
    {
        ReadOnlySpan<int> seen = Exclude switch
        {
            Exclusion.History => before,
            Exclusion.Window => before[^Math.Min(Window, before.Length)..],
            _ => [],
        };
        return [.. new HashSet<int>(seen.ToArray())];
    }
}
