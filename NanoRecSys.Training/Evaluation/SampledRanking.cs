using System.Collections.Concurrent;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Evaluation;

/// <summary>
/// The target among a few sampled negatives. Much published work has done so; it can turn the order of models
/// round (Krichene and Rendle, 2020), so its figures only go beside others of the very same protocol.
/// </summary>
/// <param name="split">Whose items to predict.</param>
/// <param name="sampler">Where the negatives come from: the same ones for every model.</param>
/// <param name="items">V, the catalogue's size.</param>
public sealed class SampledRanking(DataSplit split, NegativeSampler sampler, int items) : NextItemRanking(split, items)
{
    private readonly ConcurrentBag<Scratch> _unused = []; // one for each thread that ever ranked at a time

    public override string Protocol => sampler.Name;

    protected override int LastRank => sampler.Count + 1;

    protected override int RankOf(ReadOnlySpan<float> scores, HistoryBatch batch, int index)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Scratch scratch = _unused.TryTake(out Scratch? old) ? old : new Scratch(new int[sampler.Count], new RowSet(scores.Length));
        int target = batch.CaseOf(index).Target;
        int drawn = sampler.Draw(batch.CaseOf(index).User, target, batch.ExcludedOf(index), scratch.Taken, scratch.Negatives);
        int rank = TargetRank.Among(scores, target, scratch.Negatives.AsSpan(0, drawn));
        _unused.Add(scratch);
        return rank;
    }

    private sealed record Scratch(int[] Negatives, RowSet Taken);
}
