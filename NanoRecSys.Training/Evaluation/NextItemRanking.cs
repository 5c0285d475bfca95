using System.Collections.Concurrent;
using System.Numerics;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Evaluates models by the rank that each gives to a user's next item: among every item of the catalog, or among a few sampled negatives.</summary>
internal sealed class NextItemRanking(DataSplit split, int items)
{
    private const int LargestBatch = 128; // Of 8..512, 32 to 128 are fastest: the encoder's activations stay in the cache.
    private const int ScoresPerBatch = 1 << 24; // 64 MiB of scores, however large the catalog.

    private readonly ConcurrentBag<Scratch> _unused = []; // one per concurrent thread

    /// <summary>Draws the negatives; null ranks the whole catalog, the only protocol whose metrics are comparable. Sampling is common in the literature, but
    /// it can reverse the order of models (Krichene and Rendle, 2020).</summary>
    public NegativeSampler? Sampler { get; init; }

    public Exclusion Exclude { get; init; } = Exclusion.History;

    /// <summary>Number of items that <see cref="Exclusion.Window"/> excludes.</summary>
    public int Window { get; init; } = EvaluateOptions.PublishedWindow;

    /// <summary>Number of most recent history items that are not ranked.</summary>
    public int LeftOut => Exclude switch
    {
        Exclusion.History => int.MaxValue,
        Exclusion.Window => Window,
        _ => 0,
    };

    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Whether models predict at the target's own time, as is common in the literature, or at that of the newest interaction before it,
    /// which serving knows.</summary>
    public bool KnowsTargetTime { get; init; } = true;

    /// <summary>Length of the lists kept per user and model; 0 for none.</summary>
    public int ListLength { get; init; }

    /// <summary>More users than this are sampled evenly.</summary>
    public int MostUsers { get; init; } = int.MaxValue;

    // The worst possible rank of a target; larger cutoffs are meaningless. A whole catalog sets no limit, even if small: beyond its size, every target is
    // within the cutoff.
    private int LastRank => Sampler is null ? int.MaxValue : Sampler.Count + 1;

    public EvaluationResult Evaluate(IScorer scorer, HeldOut part, CancellationToken cancellation = default) =>
        ResultOf(scorer, part, Rank([scorer], part, cancellation: cancellation), model: 0);

    /// <summary>[users with a held-out item] ranks of their targets, in user order.</summary>
    public int[] Ranks(IScorer scorer, HeldOut part, CancellationToken cancellation = default) =>
        Rank([scorer], part, cancellation: cancellation).Ranks[0];

    /// <summary>Ranks for all users, batch by batch, and model by model within a batch; models can share results until the batch's <see
    /// cref="HistoryBatch.Version"/> changes. Histories of similar length are batched together, so that devices that pad batches
    /// pad little.</summary>
    /// <param name="progress">Receives the completed share of users, 0..1.</param>
    public RankedUsers Rank(
        IReadOnlyList<IScorer> scorers, HeldOut part, Action<double>? progress = null, CancellationToken cancellation = default)
    {
        RankedUsers users = UsersOf(part, scorers.Count);
        int[] order = [.. Enumerable.Range(0, users.Users.Length).OrderBy(place => users.HistoryLengths[place])]; // ties in user order
        int[] inOrder = Array.ConvertAll(order, position => users.Users[position]);
        int size = Math.Clamp(ScoresPerBatch / Math.Max(1, items), 1, LargestBatch);
        float[] scores = new float[size * items]; // [B, V]
        var batch = new HistoryBatch(items, LeftOut, KnowsTargetTime);
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
                Candidate[] lists = users.Lists[model];
                Parallel.For(0, batch.Count, parallel, b =>
                {
                    int user = order[first + b];
                    ranks[user] = RankOf(scores.AsSpan(b * items, items), batch, b);
                    Best(scores.AsSpan(b * items, items), batch.ExcludedOf(b), lists.AsSpan(user * ListLength, ListLength));
                });
            }

            progress?.Invoke((double)(start + batch.Count) / order.Length);
        }

        return users;
    }

    /// <summary>The users with a held-out item that is not excluded, not yet ranked.</summary>
    private RankedUsers UsersOf(HeldOut part, int models)
    {
        int repeats = 0;
        var cases = new List<(int User, int Target, int Length)>(split.UserCount);
        for (int user = 0; user < split.UserCount; user++)
        {
            if (split.TryGet(user, part, out HeldOutCase found))
            {
                if (found.IsRepeat(LeftOut))
                {
                    repeats++;
                }
                else
                {
                    cases.Add((user, found.Target, found.History.Items.Length));
                }
            }
        }

        int count = Math.Min(cases.Count, MostUsers);
        (int User, int Target, int Length)[] kept = [.. Enumerable.Range(0, count).Select(n => cases[(int)((long)n * cases.Count / count)])];
        return new RankedUsers(
            Array.ConvertAll(kept, held => held.User), Array.ConvertAll(kept, held => held.Target), Array.ConvertAll(kept, held => held.Length),
            [.. Enumerable.Range(0, models).Select(_ => new int[count])], repeats)
        {
            Lists = [.. Enumerable.Range(0, models).Select(_ => new Candidate[count * ListLength])],
        };
    }

    public EvaluationResult ResultOf(IScorer scorer, HeldOut part, RankedUsers users, int model)
    {
        UserErrorException.ThrowIf(users.Users.Length == 0,
            $"No user can be evaluated on {NameOf(part)}: {(users.Repeats > 0 ? $"the held-out items of all {users.Repeats} repeat earlier items" : "nobody has a held-out item")}. Prepare more data.");

        return new EvaluationResult(
            scorer.Name, NameOf(part), users.Users.Length, items, NameOf(Exclude), RankingMetrics.Of(users.Ranks[model], Math.Min(scorer.Depth ?? int.MaxValue, LastRank)))
        {
            Protocol = Sampler?.Name ?? EvaluationResult.FullRanking,
            Window = Exclude == Exclusion.Window ? Window : null,
            Repeats = users.Repeats > 0 ? users.Repeats : null,
        };
    }

    public static string NameOf(HeldOut part) => part == HeldOut.Test ? "test" : "validation";

    public static string NameOf(Exclusion exclude) => exclude.ToString().ToLowerInvariant();

    /// <param name="scores">[V] scores of one user; those of excluded rows are overwritten.</param>
    private static void Best(Span<float> scores, ReadOnlySpan<int> excluded, Span<Candidate> list)
    {
        if (list.IsEmpty)
        {
            return;
        }

        foreach (int row in excluded)
        {
            scores[row] = float.NegativeInfinity;
        }

        var top = new TopK(list);
        for (int row = 0; row < scores.Length; row++)
        {
            if (scores[row] >= top.Threshold && float.IsFinite(scores[row]))
            {
                top.Offer(row, scores[row]);
            }
        }

        list[top.SortBestFirst()..].Fill(new Candidate(-1, 0));
    }

    /// <param name="scores">[V] scores of one user.</param>
    private int RankOf(ReadOnlySpan<float> scores, HistoryBatch batch, int index)
    {
        int target = batch.CaseOf(index).Target;
        if (Sampler is null)
        {
            return TargetRank.Of(scores, target, batch.ExcludedOf(index));
        }

        Scratch scratch = _unused.TryTake(out Scratch? old) ? old : new Scratch(new int[Sampler.Count], new RowSet(scores.Length));
        int drawn = Sampler.Draw(batch.CaseOf(index).User, target, batch.ExcludedOf(index), scratch.Taken, scratch.Negatives);
        int rank = TargetRank.Among(scores, target, scratch.Negatives.AsSpan(0, drawn));
        _unused.Add(scratch);
        return rank;
    }

    private sealed record Scratch(int[] Negatives, RowSet Taken);
}

/// <summary>Draws distinct negatives uniformly, without the target and excluded items: the target is usually more popular than they are,
/// which flatters. A user's negatives depend only on the seed and the user: they are the same for every model, order of users and number of
/// threads.</summary>
internal sealed class NegativeSampler(int count, int items, long seed)
{
    // Draws per negative before the rest is taken in order: if nearly all items are excluded, random draws would take forever.
    private const int Patience = 100;

    /// <summary>Negatives of each user; fewer only if the catalog has no more.</summary>
    public int Count => count;

    /// <summary><c>sampled-uniform-100</c>, ...</summary>
    public string Name => $"sampled-uniform-{count}";

    /// <param name="taken">[V] a scratch set, empty before and after.</param>
    /// <param name="negatives">[<see cref="Count"/>] filled from the start.</param>
    public int Draw(int user, int target, ReadOnlySpan<int> excluded, RowSet taken, Span<int> negatives)
    {
        taken.AddRange(excluded);
        bool isTargetNew = taken.Add(target);
        var random = new SeededDraws(seed, user);
        int available = Math.Min(count, items - taken.Count);
        int drawn = 0;
        for (int attempt = 0; drawn < available && attempt < Patience * count; attempt++)
        {
            int item = (int)random.Next(items);
            if (taken.Add(item))
            {
                negatives[drawn++] = item;
            }
        }

        for (int item = 0; drawn < available; item++)
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

/// <summary>Random numbers from one of many independent streams (SplitMix64; Steele, Lea and Flood, 2014). Reseeding <see cref="Random"/> for each
/// user or resample would cost more than the draws.</summary>
internal struct SeededDraws(long seed, long stream)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = Mix((ulong)seed + Golden) ^ Mix((ulong)stream * Golden + 1);

    /// <summary>Uniform in [0, bound); the bias of the multiplication is below bound / 2^64.</summary>
    public long Next(long bound)
    {
        _state += Golden;
        return (long)Math.BigMul(Mix(_state), (ulong)bound, out _);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }
}

public enum Exclusion
{
    /// <summary>Excludes the whole history, as serving does.</summary>
    History,

    /// <summary>Excludes the most recent items.</summary>
    Window,

    /// <summary>Excludes nothing: the model may recommend items of the history.</summary>
    None,
}

/// <summary>Rank of the next item in the whole catalog.</summary>
internal static class TargetRank
{
    /// <summary>1 + the number of other items that are not excluded and do not score lower than the target. Ties count as ahead, so a
    /// model that scores all items equally finds nothing; the same holds for NaN.</summary>
    /// <param name="scores">[V]</param>
    public static int Of(ReadOnlySpan<float> scores, int target, ReadOnlySpan<int> excluded)
    {
        float score = scores[target];
        int lower = CountLower(scores, score);
        int notLower = scores.Length - lower - 1; // Without the target, which ties with itself.
        foreach (int row in excluded)
        {
            notLower -= row != target && !(scores[row] < score) ? 1 : 0;
        }

        return 1 + notLower;
    }

    /// <summary>1 + the number of negatives that do not score lower than the target.</summary>
    /// <param name="scores">[V]</param>
    public static int Among(ReadOnlySpan<float> scores, int target, ReadOnlySpan<int> negatives)
    {
        int rank = 1;
        foreach (int row in negatives)
        {
            rank += !(scores[row] < scores[target]) ? 1 : 0;
        }

        return rank;
    }

    private static int CountLower(ReadOnlySpan<float> scores, float score)
    {
        Vector<float> threshold = new(score);
        Vector<int> counts = Vector<int>.Zero;
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(scores);
        foreach (Vector<float> vector in vectors)
        {
            counts -= Vector.LessThan(vector, threshold); // Lower lanes are -1.
        }

        int lower = Vector.Sum(counts);
        for (int i = vectors.Length * Vector<float>.Count; i < scores.Length; i++)
        {
            lower += scores[i] < score ? 1 : 0;
        }

        return lower;
    }
}

/// <param name="Users">[U] positions in the split, ascending.</param>
/// <param name="Targets">[U] rows of the next items.</param>
/// <param name="HistoryLengths">[U] items before the target.</param>
/// <param name="Ranks">[models][U], 1 is the best.</param>
/// <param name="Repeats">Users left out for all models, because their target is among the excluded items.</param>
internal sealed record RankedUsers(int[] Users, int[] Targets, int[] HistoryLengths, int[][] Ranks, int Repeats)
{
    /// <summary>[models][U, length] best first; row -1 after the last.</summary>
    public Candidate[][] Lists { get; init; } = [];
}

/// <summary>A model that can score the whole catalog for a batch of histories; higher is better.</summary>
internal interface IScorer
{
    /// <summary>Its name in tables and in <c>--json</c>: <c>popularity</c>, <c>item-knn</c>, <c>retriever</c>, ...</summary>
    string Name { get; }

    /// <summary>Number of items that it actually ranks: a second stage's candidates; null for the whole catalog. Metrics beyond it are left
    /// out.</summary>
    int? Depth => null;

    /// <summary>Factor that turns a score into a logit of the model's loss: one over the temperature, if any.</summary>
    double LogitScale => 1;

    /// <param name="histories">[B] item rows, oldest first.</param>
    /// <param name="scores">[B, V] receives the scores, row-major.</param>
    void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores);
}
