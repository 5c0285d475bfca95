using NanoRecSys.Core.Data;
namespace NanoRecSys.Training.Evaluation;

/// <summary>A model that can score the whole catalogue for a batch of histories; higher is better.</summary>
public interface IScorer
{
    /// <summary>As it is called in tables and in <c>--json</c>: <c>popularity</c>, <c>item-knn</c>, <c>retriever</c>, ...</summary>
    string Name { get; }

    /// <summary>
    /// Items that it really puts in order: a second stage's number of candidates, null for the whole
    /// catalogue. Metrics beyond it are left out.
    /// </summary>
    int? Depth => null;

    /// <summary>What turns a score into a logit of the model's loss: one over the temperature where there is one.</summary>
    double LogitScale => 1;

    /// <param name="histories">[B] item rows, oldest first.</param>
    /// <param name="scores">[B, V] row-major, to be filled.</param>
    void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores);
}
