using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Retrieval.Scan;

/// <summary>
/// Keeps the rows that may still be among the best K when each score is only known to within a bound: those whose
/// score plus bound reaches the K-th largest of all scores minus bounds, because K rows are certainly that good.
/// </summary>
internal sealed class BoundedCandidates
{
    /// <summary>Rows that are offered at once: one word of a filter.</summary>
    public const int RowsAtOnce = 64;

    private float[] _floor = [];
    private int _floorCount;
    private int _k;
    private Candidate[] _pending = new Candidate[1024];
    private int _pendingCount;

    /// <summary>Rows that may be among the best: their position, and the most that their score can be.</summary>
    public ReadOnlySpan<Candidate> Pending => _pending.AsSpan(0, _pendingCount);

    /// <summary>At least K rows score this or more.</summary>
    public float Floor => new ScoreFloor(_floor.AsSpan(0, _k), _floorCount).Value;

    /// <summary>Whether K admitted rows were seen.</summary>
    public bool IsFull => _floorCount == _k;

    public void Begin(int k)
    {
        Array.Resize(ref _floor, Math.Max(_floor.Length, k));
        (_k, _floorCount, _pendingCount) = (k, 0, 0);
    }

    /// <param name="first">Position of the first row.</param>
    /// <param name="scores">[a multiple of 8, at most 64]</param>
    /// <param name="bounds">The same number; a bound that is no number keeps its row.</param>
    /// <param name="wanted">A bit for each row that counts.</param>
    /// <param name="filter">Asked about rows that are good enough; its sets are over ids.</param>
    /// <param name="ids">[all positions]; empty where <paramref name="wanted"/> holds the filter's answer already.</param>
    public void Offer(int first, ReadOnlySpan<float> scores, ReadOnlySpan<float> bounds, ulong wanted, RowFilter filter, ReadOnlySpan<int> ids)
    {
        var floor = new ScoreFloor(_floor.AsSpan(0, _k), _floorCount);
        Vector256<float> bar = Vector256.Create(floor.Value);
        for (int lane = 0; lane < scores.Length; lane += Vector256<float>.Count)
        {
            Vector256<float> most = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(scores), (nuint)lane)
                + Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(bounds), (nuint)lane);

            // "Not below" instead of "at least", for the sake of what is no number.
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
            // What came early was kept by a lower floor than now.
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
