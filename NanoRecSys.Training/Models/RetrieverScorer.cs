using NanoRecSys.Core.Data;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Training.Models;

/// <summary>The retriever alone: the cosine of the user's embedding with every item's.</summary>
public sealed class RetrieverScorer : IScorer, IDisposable
{
    private readonly BatchEncoder _encoder;
    private readonly bool _isOwner;

    /// <param name="tower">Owned by the caller; not trained while this lives.</param>
    /// <param name="isReduced">See <see cref="UserEncoder"/>.</param>
    public RetrieverScorer(UserTower tower, bool isReduced = false) => (_encoder, _isOwner) = (new BatchEncoder(tower, isReduced), true);

    /// <param name="encoder">Shared with other models; owned by the caller.</param>
    public RetrieverScorer(BatchEncoder encoder) => _encoder = encoder;

    public string Name => "retriever";

    public double LogitScale => 1 / _encoder.Temperature;

    /// <param name="histories">[B] item rows, oldest first.</param>
    /// <param name="scores">[B, V]</param>
    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores) => _encoder.Cosines(histories).CopyTo(scores);

    public void Dispose()
    {
        if (_isOwner)
        {
            _encoder.Dispose();
        }
    }
}
