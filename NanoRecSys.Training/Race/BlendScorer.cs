namespace NanoRecSys.Training.Race;

/// <summary>The retriever's cosines and the scores of item-item models, combined as in serving.</summary>
/// <param name="name">Name in tables.</param>
/// <param name="encoder">Shared with other models; owned by the caller.</param>
/// <param name="blend">What is added to the cosines; owned by the caller.</param>
internal sealed class BlendScorer(string name, BatchEncoder encoder, ItemBlend blend) : IScorer
{
    public string Name => name;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        encoder.Cosines(histories).CopyTo(scores);
        for (int b = 0; b < histories.Count; b++)
        {
            blend.AddToAll(histories[b].Items.Span, scores.Slice(b * encoder.Items, encoder.Items));
        }
    }
}
