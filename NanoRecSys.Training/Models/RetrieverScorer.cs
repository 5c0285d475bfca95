using NanoRecSys.Training.Evaluation;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>The retriever alone: the cosine of the user's embedding with every item's.</summary>
/// <param name="tower">Owned by the caller; not trained while this lives.</param>
public sealed class RetrieverScorer(UserTower tower) : IScorer, IDisposable
{
    private readonly UserEncoder _encoder = new(tower);

    public string Name => "retriever";

    /// <param name="histories">[B] item rows, oldest first.</param>
    /// <param name="scores">[B, V]</param>
    public void Score(IReadOnlyList<ReadOnlyMemory<int>> histories, Span<float> scores)
    {
        using Tensor cosines = _encoder.Score(histories); // [B, V]
        using Tensor onCpu = cosines.cpu();
        onCpu.data<float>().CopyTo(scores);
    }

    public void Dispose() => _encoder.Dispose();
}
