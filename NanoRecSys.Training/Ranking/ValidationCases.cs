using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Models;

namespace NanoRecSys.Training.Ranking;

/// <summary>
/// The candidates of every user with a validation item, and that item: found once, since the retriever does not
/// change while the ranker trains.
/// </summary>
/// <param name="Users">[U]</param>
/// <param name="Targets">[U] rows of the items that came next.</param>
public sealed record ValidationCases(IReadOnlyList<UserCandidates> Users, IReadOnlyList<int> Targets)
{
    private const int UsersPerBatch = 128;

    public static ValidationCases Find(UserTower tower, DataSplit split, int candidates, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(split);
        using var encoder = new BatchEncoder(tower);
        var finder = new CandidateFinder(encoder, candidates);
        var users = new List<UserCandidates>();
        var targets = new List<int>();
        foreach (int[] chunk in Enumerable.Range(0, split.UserCount).Chunk(UsersPerBatch))
        {
            cancellation.ThrowIfCancellationRequested();
            var histories = new List<TimedHistory>();
            foreach (int user in chunk)
            {
                if (split.TryGet(user, HeldOut.Validation, out HeldOutCase found))
                {
                    histories.Add(found.History);
                    targets.Add(found.Target);
                }
            }

            if (histories.Count > 0)
            {
                users.AddRange(finder.Find(histories));
            }
        }

        return new ValidationCases(users, targets);
    }

    /// <summary>NDCG@10 and the like of lists in the users' order, by logit + weight * cosine.</summary>
    public IReadOnlyDictionary<string, double> Measure(IReadOnlyList<CandidateList> lists, double retrieverWeight) =>
        RankingMetrics.Of([.. lists.Select((list, user) => list.RankOf(Targets[user], retrieverWeight) ?? int.MaxValue)]);

    /// <summary>The same of the retriever's own order.</summary>
    public IReadOnlyDictionary<string, double> MeasureRetriever() =>
        RankingMetrics.Of([.. Users.Select((user, place) => Array.IndexOf(user.Rows, Targets[place]) is var at and >= 0 ? at + 1 : int.MaxValue)]);
}
