using System.Runtime.InteropServices;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// Where each user's held-out item stands among all items the user has not had yet: the protocol of
/// <c>evaluate</c>, for use between epochs.
/// </summary>
public static class FullRanking
{
    private const int UsersPerBatch = 64;

    /// <summary>HR and NDCG at 10 and at 100 over the users who have a held-out item.</summary>
    public static IReadOnlyDictionary<string, double> Evaluate(UserTower tower, LeaveOneOut split, HeldOut part, CancellationToken cancellation)
    {
        int[] ranks = Ranks(tower, split, part, cancellation);
        return new Dictionary<string, double>
        {
            ["hr@10"] = HitRate(ranks, 10),
            ["ndcg@10"] = Ndcg(ranks, 10),
            ["hr@100"] = HitRate(ranks, 100),
            ["ndcg@100"] = Ndcg(ranks, 100),
        };
    }

    /// <summary>0-based rank of the held-out item of every user who has one, in user order.</summary>
    public static int[] Ranks(UserTower tower, LeaveOneOut split, HeldOut part, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(tower);
        ArgumentNullException.ThrowIfNull(split);
        using var encoder = new UserEncoder(tower);
        var ranks = new List<int>();
        var users = new List<int>(UsersPerBatch);
        for (int user = 0; user < split.UserCount; user++)
        {
            if (split.TryGet(user, part, out _, out _))
            {
                users.Add(user);
            }

            if (users.Count == UsersPerBatch || (user == split.UserCount - 1 && users.Count > 0))
            {
                cancellation.ThrowIfCancellationRequested();
                AddRanks(encoder, split, part, users, ranks);
                users.Clear();
            }
        }

        return [.. ranks];
    }

    public static double HitRate(ReadOnlySpan<int> ranks, int k)
    {
        int hits = 0;
        foreach (int rank in ranks)
        {
            hits += rank < k ? 1 : 0;
        }

        return ranks.Length > 0 ? (double)hits / ranks.Length : 0;
    }

    public static double Ndcg(ReadOnlySpan<int> ranks, int k)
    {
        double sum = 0;
        foreach (int rank in ranks)
        {
            sum += rank < k ? 1 / Math.Log2(rank + 2) : 0;
        }

        return ranks.Length > 0 ? sum / ranks.Length : 0;
    }

    private static void AddRanks(UserEncoder encoder, LeaveOneOut split, HeldOut part, List<int> users, List<int> ranks)
    {
        var histories = new ReadOnlyMemory<int>[users.Count];
        for (int b = 0; b < users.Count; b++)
        {
            split.TryGet(users[b], part, out ReadOnlySpan<int> before, out _);
            histories[b] = before.ToArray();
        }

        using Tensor scores = encoder.Score(histories); // [B, V]
        ReadOnlySpan<float> all = MemoryMarshal.Cast<byte, float>(scores.bytes);
        for (int b = 0; b < users.Count; b++)
        {
            split.TryGet(users[b], part, out _, out int target);
            ranks.Add(RankOf(target, all.Slice(b * encoder.Items, encoder.Items), histories[b].Span));
        }
    }

    /// <summary>How many items outside <paramref name="seen"/> score higher than the target.</summary>
    public static int RankOf(int target, ReadOnlySpan<float> scores, ReadOnlySpan<int> seen)
    {
        float own = scores[target];
        int higher = 0;
        foreach (float score in scores)
        {
            higher += score > own ? 1 : 0;
        }

        var counted = new HashSet<int>();
        foreach (int row in seen)
        {
            higher -= scores[row] > own && counted.Add(row) ? 1 : 0;
        }

        return higher;
    }
}
