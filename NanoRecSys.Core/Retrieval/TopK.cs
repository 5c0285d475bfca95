using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// Keeps the best K candidates of a scan in a caller's buffer: a binary heap with the worst on top.
/// Larger scores are better; distances are negated. Of equal scores the smaller row wins.
/// </summary>
internal ref struct TopK(Span<Candidate> heap)
{
    private readonly Span<Candidate> _heap = heap;

    public int Count { get; private set; }

    public readonly float Threshold => Count < _heap.Length ? float.NegativeInfinity : _heap.Length == 0 ? float.PositiveInfinity : _heap[0].Score;

    /// <summary>NaN is never added, because it cannot be ordered.</summary>
    public void Offer(int row, float score)
    {
        if (float.IsNaN(score))
        {
            return;
        }

        var candidate = new Candidate(row, score);
        if (Count < _heap.Length)
        {
            _heap[Count++] = candidate;
            SiftUp(Count - 1);
        }
        else if (Count > 0 && IsWorse(_heap[0], candidate))
        {
            _heap[0] = candidate;
            SiftDown(0);
        }
    }

    /// <param name="metric">L2 turns the offered negated distances back into distances.</param>
    public readonly int SortBestFirst(VectorMetric metric = VectorMetric.InnerProduct)
    {
        Span<Candidate> kept = _heap[..Count];
        kept.Sort(static (a, b) => b.Score != a.Score ? b.Score.CompareTo(a.Score) : a.Row.CompareTo(b.Row));
        if (metric == VectorMetric.L2)
        {
            foreach (ref Candidate candidate in kept)
            {
                candidate = candidate with { Score = -candidate.Score };
            }
        }

        return Count;
    }

    private static bool IsWorse(in Candidate a, in Candidate b) =>
        a.Score != b.Score ? a.Score < b.Score : a.Row > b.Row;

    private readonly void SiftUp(int child)
    {
        while (child > 0)
        {
            int parent = (child - 1) / 2;
            if (!IsWorse(_heap[child], _heap[parent]))
            {
                return;
            }

            (_heap[child], _heap[parent]) = (_heap[parent], _heap[child]);
            child = parent;
        }
    }

    private readonly void SiftDown(int parent)
    {
        while (true)
        {
            int worst = parent;
            for (int child = 2 * parent + 1; child <= 2 * parent + 2 && child < Count; child++)
            {
                worst = IsWorse(_heap[child], _heap[worst]) ? child : worst;
            }

            if (worst == parent)
            {
                return;
            }

            (_heap[worst], _heap[parent]) = (_heap[parent], _heap[worst]);
            parent = worst;
        }
    }
}

/// <summary>The K-th largest of the numbers offered so far: the score that a row must reach to be among the best K.</summary>
/// <param name="heap">[K], the smallest on top.</param>
internal ref struct ScoreFloor(Span<float> heap, int count)
{
    private readonly Span<float> _heap = heap;

    public int Count { get; private set; } = count;
    public readonly float Value => Count < _heap.Length ? float.NegativeInfinity : _heap.Length == 0 ? float.PositiveInfinity : _heap[0];

    public void Offer(float score)
    {
        if (Count < _heap.Length)
        {
            int child = Count++;
            while (child > 0 && _heap[(child - 1) / 2] > score)
            {
                _heap[child] = _heap[(child - 1) / 2];
                child = (child - 1) / 2;
            }

            _heap[child] = score;
        }
        else if (Count > 0 && score > _heap[0])
        {
            ReplaceTop(score);
        }
    }

    private readonly void ReplaceTop(float score)
    {
        int parent = 0;
        while (2 * parent + 1 < _heap.Length)
        {
            int child = 2 * parent + 1;
            child += child + 1 < _heap.Length && _heap[child + 1] < _heap[child] ? 1 : 0;
            if (_heap[child] >= score)
            {
                break;
            }

            _heap[parent] = _heap[child];
            parent = child;
        }

        _heap[parent] = score;
    }
}

/// <summary>
/// Keeps the rows that may still be among the best K when each score is only known within a bound: those whose
/// score plus bound reaches the K-th largest of all scores minus bounds, because K rows certainly score at least that.
/// </summary>
internal sealed class BoundedCandidates
{
    public const int RowsAtOnce = 64; // rows offered at once: one word of a filter

    private float[] _floor = [];
    private int _floorCount;
    private int _k;
    private Candidate[] _pending = new Candidate[1024];
    private int _pendingCount;

    /// <summary>Rows that may be among the best: their position and largest possible score.</summary>
    public ReadOnlySpan<Candidate> Pending => _pending.AsSpan(0, _pendingCount);

    public float Floor => new ScoreFloor(_floor.AsSpan(0, _k), _floorCount).Value; // at least K rows score this or more
    public bool IsFull => _floorCount == _k; // whether K admitted rows were seen

    public void Begin(int k)
    {
        Array.Resize(ref _floor, Math.Max(_floor.Length, k));
        (_k, _floorCount, _pendingCount) = (k, 0, 0);
    }

    /// <param name="scores">[a multiple of 8, at most 64]</param>
    /// <param name="bounds">The same number; a bound that is NaN keeps its row.</param>
    /// <param name="wanted">A bit for each row to consider.</param>
    /// <param name="filter">Checked for rows that are good enough; its sets are over ids.</param>
    /// <param name="ids">[all positions]; empty if <paramref name="wanted"/> already includes the filter.</param>
    public void Offer(int first, ReadOnlySpan<float> scores, ReadOnlySpan<float> bounds, ulong wanted, RowFilter filter, ReadOnlySpan<int> ids)
    {
        var floor = new ScoreFloor(_floor.AsSpan(0, _k), _floorCount);
        Vector256<float> bar = Vector256.Create(floor.Value);
        for (int lane = 0; lane < scores.Length; lane += Vector256<float>.Count)
        {
            Vector256<float> most = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(scores), (nuint)lane)
                + Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(bounds), (nuint)lane);

            // "Not below" instead of "at least", because of NaN.
            uint mask = ~Vector256.LessThan(most, bar).ExtractMostSignificantBits() & (uint)(wanted >> lane) & 0xFF;
            for (; mask != 0; mask &= mask - 1)
            {
                int i = lane + BitOperations.TrailingZeroCount(mask);
                if (!ids.IsEmpty && !filter.Admits(ids[first + i]))
                {
                    continue;
                }

                Keep(new Candidate(first + i, scores[i] + bounds[i]), floor.Value);
                float least = scores[i] - bounds[i];
                if (least > floor.Value || floor.Count < _k)
                {
                    floor.Offer(float.IsNaN(least) ? float.NegativeInfinity : least);
                    bar = Vector256.Create(floor.Value);
                }
            }
        }

        _floorCount = floor.Count;
    }

    private void Keep(Candidate candidate, float floor)
    {
        if (_pendingCount == _pending.Length)
        {
            // Rows kept early were compared with a lower floor than the current one.
            int kept = 0;
            foreach (Candidate old in Pending)
            {
                if (!(old.Score < floor))
                {
                    _pending[kept++] = old;
                }
            }

            _pendingCount = kept;
            if (kept > _pending.Length / 2)
            {
                Array.Resize(ref _pending, 2 * _pending.Length);
            }
        }

        _pending[_pendingCount++] = candidate;
    }
}
