using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Encodes with a trained user tower: no gradients, no dropout, item embeddings computed once. Until it is disposed, the tower must not be trained;
/// disposing restores the tower's mode, and fp32.</summary>
internal sealed class UserEncoder : IDisposable
{
    // Size of a pack's [P, D]: at width 256, packs of 1,024 to 4,096 positions are encoded 1.4 to 2 times as fast as those of 50,000.
    private const int CachedNumbers = 1 << 19;

    private readonly RetrieverNetwork _tower;
    private readonly bool _isReduced;
    private readonly bool _wasTraining;

    /// <param name="isReduced">Whether it multiplies in bfloat16, as only a training's own validation does.</param>
    public UserEncoder(RetrieverNetwork tower, bool isReduced = false)
    {
        _tower = tower;
        _isReduced = isReduced;
        _wasTraining = tower.training;
        tower.eval();
        tower.UseReducedPrecision(isReduced);
        using var noGradient = no_grad();
        ItemEmbeddings = tower.ItemEmbeddings();
    }

    public int Items => _tower.Model.Items;

    public int MaxLength => _tower.Model.MaxLength;

    /// <summary>[V, D], L2-normalized; owned by this encoder.</summary>
    public Tensor ItemEmbeddings { get; }

    /// <param name="histories">[B]; only the last L items are used.</param>
    /// <returns>[B, D], L2-normalized.</returns>
    public Tensor Encode(IReadOnlyList<TimedHistory> histories)
    {
        using var noGradient = no_grad();
        Range[] parts = [.. PartsOf(histories)];
        if (parts.Length == 1)
        {
            return Forward(histories); // [B, D]
        }

        Tensor users = empty(histories.Count, _tower.Model.EmbeddingDimension); // [B, D]
        int threads = get_num_threads();
        Parallel.ForEach(parts, new ParallelOptions { MaxDegreeOfParallelism = threads }, part => EncodePart(part, histories, users, threads));
        return users;
    }

    /// <summary>The user embeddings after each of a history's last items, in one pass of the causal network. Earlier ones see
    /// slightly less of the past than if encoded alone: the pass reads L items in total.</summary>
    /// <returns>[M, D], L2-normalized: after all but the last M - 1 items, ..., after all of them.</returns>
    public Tensor EncodeLast(TimedHistory history, int positions)
    {
        using var noGradient = no_grad();
        using SequencePack pack = SequencePack.Of([history], MaxLength, _tower.Device, _tower.Model.TimeBias);
        return _tower.LastEmbeddings(pack, positions); // [M, D]
    }

    private void EncodePart(Range part, IReadOnlyList<TimedHistory> histories, Tensor users, int threads)
    {
        set_num_threads(1); // applies to the calling thread, which does all that follows
        try
        {
            using var noGradient = no_grad();
            (int start, int count) = part.GetOffsetAndLength(histories.Count);
            using Tensor embeddings = Forward([.. histories.Skip(start).Take(count)]);
            using Tensor place = users.narrow(0, start, count);
            place.copy_(embeddings);
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    private Tensor Forward(IReadOnlyList<TimedHistory> histories)
    {
        ModelInfo model = _tower.Model;
        using SequencePack pack = SequencePack.Of(histories, model.MaxLength, ItemEmbeddings.device, model.TimeBias, _isReduced ? Precision.RowMultiple : 1);
        Tensor users = _tower.forward(pack); // [B, D], plus rows of padding sequences
        if (pack.Count == histories.Count)
        {
            return users;
        }

        using (users)
        {
            return users.narrow(0, 0, histories.Count);
        }
    }

    /// <summary>As many histories at once as keep their activations in the processor's cache; all at once if threads cannot share the work (see
    /// <see cref="Kernels.NetworkOperations.AllowsThreads"/>).</summary>
    private IEnumerable<Range> PartsOf(IReadOnlyList<TimedHistory> histories)
    {
        int most = _tower.Operations.AllowsThreads ? CachedNumbers / _tower.Model.Dimension : int.MaxValue;
        int start = 0, positions = 0;
        for (int b = 0; b < histories.Count; b++)
        {
            int length = SequencePack.LengthOf(histories[b], MaxLength);
            if (positions + length > most && b > start)
            {
                yield return start..b;
                (start, positions) = (b, 0);
            }

            positions += length;
        }

        yield return start..histories.Count;
    }

    /// <param name="users">[B, D], L2-normalized.</param>
    /// <returns>[B, V] cosines.</returns>
    public Tensor Score(Tensor users)
    {
        using var noGradient = no_grad();
        using Tensor columns = ItemEmbeddings.t();
        return users.matmul(columns); // [B, D] x [D, V] -> [B, V]
    }

    public void Dispose()
    {
        ItemEmbeddings.Dispose();
        _tower.UseReducedPrecision(false);
        _tower.train(_wasTraining);
    }
}

/// <summary>The retriever alone: the cosine of the user's embedding with every item's.</summary>
/// <param name="encoder">Owned by the caller, who may share it with other models.</param>
internal sealed class RetrieverScorer(BatchEncoder encoder) : IScorer
{
    public string Name => "retriever";

    public double LogitScale => 1 / encoder.Temperature;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores) => encoder.Cosines(histories).CopyTo(scores);
}
