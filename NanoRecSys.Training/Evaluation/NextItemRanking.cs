using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Evaluates models by looking up where each puts the item that came next, user by user.</summary>
/// <param name="split">Whose items to predict.</param>
/// <param name="items">V, the catalogue's size.</param>
public abstract class NextItemRanking(DataSplit split, int items)
{
    private const int LargestBatch = 128; // Of 8..512, 32 to 128 cost the encoder least: its activations stay in the cache.
    private const int ScoresPerBatch = 1 << 24; // 64 MiB of scores, however large the catalogue.

    /// <summary>Which seen items are left out.</summary>
    public Exclusion Exclude { get; init; } = Exclusion.History;

    /// <summary>How much of the history <see cref="Exclusion.Window"/> leaves out.</summary>
    public int Window { get; init; } = EvaluateOptions.PublishedWindow;

    /// <summary>Of a history's items, the latest so many are not ranked.</summary>
    public int LeftOut => Exclude switch
    {
        Exclusion.History => int.MaxValue,
        Exclusion.Window => Window,
        _ => 0,
    };

    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>As <see cref="EvaluationResult.Protocol"/> names it.</summary>
    public abstract string Protocol { get; }

    /// <summary>The last rank that a target can have: cutoffs beyond it mean nothing.</summary>
    protected abstract int LastRank { get; }

    /// <param name="scorer">The model.</param>
    /// <param name="part">Validation or test.</param>
    /// <param name="progress">Told the share of users that are done, 0..1.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public EvaluationResult Evaluate(IScorer scorer, HeldOut part, Action<double>? progress = null, CancellationToken cancellation = default) =>
        ResultOf(scorer, part, Rank([scorer], part, progress, cancellation).Ranks[0]);

    /// <summary>[users with a held-out item] ranks of their targets, in the users' order.</summary>
    public int[] Ranks(IScorer scorer, HeldOut part, Action<double>? progress = null, CancellationToken cancellation = default) =>
        Rank([scorer], part, progress, cancellation).Ranks[0];

    /// <summary>
    /// Ranks for all users, batch by batch and within a batch model by model: what models share, they can keep
    /// until the batch's <see cref="HistoryBatch.Version"/> changes. Histories of like length go together:
    /// where a device pads its batches, little of one is padding.
    /// </summary>
    public RankedUsers Rank(
        IReadOnlyList<IScorer> scorers, HeldOut part, Action<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(scorers);
        var users = RankedUsers.Of(split, part, scorers.Count);
        int[] order = users.ByHistoryLength();
        int[] inOrder = Array.ConvertAll(order, position => users.Users[position]);
        int size = Math.Clamp(ScoresPerBatch / Math.Max(1, items), 1, LargestBatch);
        float[] scores = new float[size * items]; // [B, V]
        var batch = new HistoryBatch(items, LeftOut);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = cancellation };
        for (int start = 0; start < order.Length; start += size)
        {
            cancellation.ThrowIfCancellationRequested();
            int first = start;
            batch.Fill(split, part, inOrder.AsSpan(start, Math.Min(size, order.Length - start)));
            for (int model = 0; model < scorers.Count; model++)
            {
                int[] ranks = users.Ranks[model];
                scorers[model].Score(batch, scores.AsSpan(0, batch.Count * items));
                Parallel.For(0, batch.Count, parallel, b =>
                    ranks[order[first + b]] = RankOf(scores.AsSpan(b * items, items), batch, b));
            }

            progress?.Invoke((double)(start + batch.Count) / order.Length);
        }

        return users;
    }

    /// <summary>What a model's ranks come to.</summary>
    public EvaluationResult ResultOf(IScorer scorer, HeldOut part, IReadOnlyList<int> ranks)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        ArgumentNullException.ThrowIfNull(ranks);
        return new EvaluationResult(
            scorer.Name, NameOf(part), ranks.Count, items, NameOf(Exclude), RankingMetrics.Of(ranks, DepthOf(scorer)))
        {
            Protocol = Protocol,
            Window = Exclude == Exclusion.Window ? Window : null,
        };
    }

    /// <summary>Largest cutoff that means something for a model.</summary>
    public int DepthOf(IScorer scorer)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        return Math.Min(scorer.Depth ?? int.MaxValue, LastRank);
    }

    public static string NameOf(HeldOut part) => part == HeldOut.Test ? "test" : "validation";

    public static string NameOf(Exclusion exclude) => exclude switch
    {
        Exclusion.History => "history",
        Exclusion.Window => "window",
        _ => "none",
    };

    /// <param name="scores">[V] of one user.</param>
    /// <param name="batch">Where the user's history and target stand.</param>
    /// <param name="index">The user's place in it.</param>
    /// <returns>1 is the best.</returns>
    protected abstract int RankOf(ReadOnlySpan<float> scores, HistoryBatch batch, int index);
}
