using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Training.Race;

/// <summary>The retriever's cosines and the scores of item-item models, as they are served together.</summary>
/// <param name="name">As tables show it.</param>
/// <param name="encoder">Shared with other models; owned by the caller.</param>
/// <param name="blend">What is added to the cosines.</param>
/// <param name="threads">CPU threads.</param>
internal sealed class BlendScorer(string name, BatchEncoder encoder, ItemBlend blend, int threads) : IScorer
{
    private readonly ParallelOptions _parallel = new() { MaxDegreeOfParallelism = threads };
    private float[] _scores = [];

    public string Name => name;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        int items = encoder.Items;
        int count = histories.Count * items;
        _scores = _scores.Length < count ? new float[count] : _scores;
        encoder.Cosines(histories).CopyTo(_scores);
        Parallel.For(0, histories.Count, _parallel, b => blend.AddToAll(histories[b].Items.Span, _scores.AsSpan(b * items, items)));
        _scores.AsSpan(0, count).CopyTo(scores);
    }
}
