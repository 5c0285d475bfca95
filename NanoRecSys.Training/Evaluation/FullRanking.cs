using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Every item of the catalogue is ranked: the only protocol whose figures may be compared.</summary>
/// <param name="split">Whose items to predict.</param>
/// <param name="items">V, the catalogue's size.</param>
public sealed class FullRanking(DataSplit split, int items) : NextItemRanking(split, items)
{
    public override string Protocol => EvaluationResult.FullRanking;

    protected override int LastRank => int.MaxValue; // however small the catalogue, a cutoff beyond it is met by all

    protected override int RankOf(ReadOnlySpan<float> scores, HistoryBatch batch, int index)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return TargetRank.Of(scores, batch.CaseOf(index).Target, batch.ExcludedOf(index));
    }
}
