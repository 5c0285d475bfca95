using System.Collections;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Users that are ranked together. One batch is refilled repeatedly: its buffers only grow, so that ranking
/// allocates nothing per user.</summary>
/// <param name="knowsTargetTime">Whether models predict at the target's own time, or at that of the newest interaction before it.</param>
internal sealed class HistoryBatch(int items, int leftOut, bool knowsTargetTime = true) : IReadOnlyList<TimedHistory>
{
    private readonly RowSet _marked = new(items); // empty between users
    private HeldOutCase[] _cases = []; // [B or more]
    private int[] _excludedEnds = []; // [B or more] end of each user's part of _excluded
    private int[] _excluded = [];

    public int Count { get; private set; }

    /// <summary>Increases with each fill: results for an older version are stale.</summary>
    public int Version { get; private set; }

    public TimedHistory this[int index] => _cases[index].History;

    public HeldOutCase CaseOf(int index) => _cases[index];

    /// <summary>Excluded rows, without repeats.</summary>
    public ReadOnlySpan<int> ExcludedOf(int index)
    {
        int start = index == 0 ? 0 : _excludedEnds[index - 1];
        return _excluded.AsSpan(start, _excludedEnds[index] - start);
    }

    /// <param name="users">[B] positions of users with a held-out item.</param>
    public void Fill(DataSplit split, HeldOut part, ReadOnlySpan<int> users)
    {
        if (_cases.Length < users.Length)
        {
            _cases = new HeldOutCase[users.Length];
            _excludedEnds = new int[users.Length];
        }

        int seen = 0;
        for (int b = 0; b < users.Length; b++)
        {
            split.TryGet(users[b], part, out HeldOutCase found);
            _cases[b] = knowsTargetTime || found.History.Times.IsEmpty ? found : found with { History = found.History with { Now = found.History.Times.Span[^1] } };
            seen += SeenOf(b).Length;
        }

        _excluded = _excluded.Length < seen ? new int[seen] : _excluded;
        for (int b = 0, end = 0; b < users.Length; b++)
        {
            end = Exclude(SeenOf(b), end);
            _excludedEnds[b] = end;
        }

        Count = users.Length;
        Version++;
    }

    public IEnumerator<TimedHistory> GetEnumerator() => _cases.Take(Count).Select(held => held.History).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private ReadOnlySpan<int> SeenOf(int index) => _cases[index].History.Last(leftOut).Items.Span;

    private int Exclude(ReadOnlySpan<int> seen, int start)
    {
        int end = start;
        foreach (int item in seen)
        {
            if (_marked.Add(item))
            {
                _excluded[end++] = item;
            }
        }

        _marked.RemoveRange(_excluded.AsSpan(start, end - start));
        return end;
    }
}

/// <summary>The retriever shared by the models of one evaluation: a batch is encoded and compared with all items once, on
/// first use.</summary>
internal sealed class BatchEncoder : IDisposable
{
    private readonly UserEncoder _encoder;
    private readonly ItemProducts _products;
    private HistoryBatch? _batch; // the batch of the last results, if known
    private int _version;

    /// <param name="tower">Owned by the caller; must not be trained during the encoder's lifetime.</param>
    public BatchEncoder(RetrieverNetwork tower, bool isReduced = false)
    {
        _encoder = new UserEncoder(tower, isReduced);
        _products = new ItemProducts(_encoder.ItemEmbeddings);
        Temperature = tower.Model.Temperature;
    }

    public int Items => _encoder.Items;

    /// <summary>[V, D], L2-normalized; owned by this encoder.</summary>
    public Tensor ItemEmbeddings => _encoder.ItemEmbeddings;

    /// <summary>Temperature: the divisor of a cosine in the model's loss.</summary>
    public double Temperature { get; }

    /// <summary>[B, D] embeddings of the users in the last batch; owned by this encoder.</summary>
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
