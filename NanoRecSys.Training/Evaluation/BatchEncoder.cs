using NanoRecSys.Core.Data;
using NanoRecSys.Training.Models;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Evaluation;

/// <summary>
/// The retriever as the models of one evaluation share it: a batch is encoded and compared with all items
/// once, for whoever asks first.
/// </summary>
public sealed class BatchEncoder : IDisposable
{
    private readonly UserEncoder _encoder;
    private readonly ItemProducts _products;
    private HistoryBatch? _batch; // what the last results are of, where that can be told
    private int _version;

    /// <param name="tower">Owned by the caller; not trained while this lives.</param>
    /// <param name="isReduced">See <see cref="UserEncoder"/>.</param>
    public BatchEncoder(UserTower tower, bool isReduced = false)
    {
        ArgumentNullException.ThrowIfNull(tower);
        _encoder = new UserEncoder(tower, isReduced);
        _products = new ItemProducts(_encoder.ItemEmbeddings);
        Temperature = tower.Model.Temperature;
    }

    /// <summary>V</summary>
    public int Items => _encoder.Items;

    /// <summary>[V, D], L2-normalised; owned by this encoder.</summary>
    public Tensor ItemEmbeddings => _encoder.ItemEmbeddings;

    /// <summary>What divides a cosine in the model's loss.</summary>
    public double Temperature { get; }

    /// <summary>[B, D] embeddings of the users whose cosines were asked for last; owned by this encoder.</summary>
    public Tensor? Users { get; private set; }

    /// <param name="histories">[B] item rows, oldest first.</param>
    /// <returns>[B, V], valid until the next batch.</returns>
    public ReadOnlySpan<float> Cosines(IReadOnlyList<TimedHistory> histories)
    {
        if (_batch is not null && ReferenceEquals(_batch, histories) && _version == _batch.Version)
        {
            return _products.Last;
        }

        Users?.Dispose();
        Users = _encoder.Encode(histories).DetachFromDisposeScope(); // [B, D]
        _batch = histories as HistoryBatch;
        _version = _batch?.Version ?? 0;
        return _products.With(Users);
    }

    public void Dispose()
    {
        Users?.Dispose();
        _products.Dispose();
        _encoder.Dispose();
    }
}
