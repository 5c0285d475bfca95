using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Retrieval.Scan;

/// <summary>
/// The first pass of an exact search: products of bytes tell each row's score to within a proven bound, and only rows
/// that may still be among the best K are kept, to be compared in fp32 afterwards.
/// </summary>
/// <remarks>
/// With row x = s*a + e and query q = t*b + f (a, b integers), |q.x - s*t*(a.b)| = |t*b.e + f.x| &lt;= |t*b||e| + |f||x|
/// by Cauchy-Schwarz. A row stays if its score plus its bound reaches the K-th largest of all scores minus theirs: the K
/// rows of those are certainly at least as good. Roundings of fp32 are added to the bound.
/// <para>Kept by each thread for its next search, so that a search allocates nothing.</para>
/// </remarks>
internal sealed class RowScan
{
    private const float ConstantRounding = 1f / (1 << 20); // some roundings of 2^-24 each, generously
    private const int RowsAtOnce = ByteKernel.BlockRows * ByteKernel.BlocksAtOnce;

    [ThreadStatic]
    private static RowScan? _idle;

    private readonly int[] _products = new int[RowsAtOnce];
    private int[] _pairs = [];
    private float[] _floor = [];
    private int _floorCount;
    private int _k;
    private Candidate[] _pending = new Candidate[1024];
    private int _pendingCount;
    private SimdLevel _level;
    private int _correction;
    private float _factor;
    private Vector256<float> _errorWeight;
    private Vector256<float> _normWeight;
    private float _slack;
    private float _base; // of every score: -|q|^2 for L2

    /// <summary>Rows that may be among the best: their position, and the most that their score can be.</summary>
    public ReadOnlySpan<Candidate> Pending => _pending.AsSpan(0, _pendingCount);

    /// <summary>At least K rows score this or more.</summary>
    public float Floor => new ScoreFloor(_floor.AsSpan(0, _k), _floorCount).Value;

    public static RowScan Take()
    {
        RowScan scan = _idle ?? new RowScan();
        _idle = null;
        return scan;
    }

    public static void GiveBack(RowScan scan) => _idle = scan;

    /// <param name="rows">Where the query will be compared.</param>
    /// <param name="query">[D]</param>
    /// <param name="metric">For L2 scores are -|q - x|^2.</param>
    /// <param name="k">Neighbours wanted.</param>
    /// <param name="level">Instructions to use.</param>
    public void Begin(ByteRows rows, ReadOnlySpan<float> query, VectorMetric metric, int k, SimdLevel level)
    {
        Array.Resize(ref _pairs, Math.Max(_pairs.Length, ShortQuery.PairsOf(query.Length)));
        Array.Resize(ref _floor, Math.Max(_floor.Length, k));
        (_k, _floorCount, _pendingCount, _level) = (k, 0, 0, level);
        ShortQuery quantized = ShortQuery.Quantize(query, _pairs.AsSpan(0, ShortQuery.PairsOf(query.Length)));
        _correction = ByteRows.Correction(quantized);

        // |fp32 sum of D terms - true sum| <= D * 2^-24 * |q||x| in any order; 32 more for what is computed here.
        double norm = Math.Sqrt(SumOfSquares(query));
        double rounding = (query.Length + 32) * Math.Pow(2, -24);
        double times = metric == VectorMetric.L2 ? 2 : 1;
        _factor = (float)times * quantized.Scale;
        _errorWeight = Vector256.Create((float)(times * quantized.Norm * 1.00001));
        double normWeight = times * (quantized.Error * 1.00001 + norm * rounding);
        double slack = 0;
        _base = 0;
        if (metric == VectorMetric.L2)
        {
            normWeight += rounding * rows.LargestNorm;
            slack = rounding * norm * norm;
            _base = (float)(-norm * norm);
        }

        _normWeight = Vector256.Create((float)normWeight);
        _slack = (float)slack;
    }

    /// <param name="rows">The same rows as for <see cref="Begin"/>.</param>
    /// <param name="first">First position; a multiple of 16.</param>
    /// <param name="count">Positions in use from there on.</param>
    /// <param name="constant">Added to every score.</param>
    /// <param name="filter">Its sets are over rows.</param>
    /// <param name="ids">[Positions] the row at each position; empty where position and row are the same.</param>
    public void Scan(ByteRows rows, int first, int count, float constant, RowFilter filter, ReadOnlySpan<int> ids)
    {
        ReadOnlySpan<int> query = _pairs.AsSpan(0, ShortQuery.PairsOf(rows.Dimension));
        for (int done = 0; done < count; done += RowsAtOnce)
        {
            int position = first + done;
            int used = Math.Min(RowsAtOnce, count - done);
            ulong wanted = used < 64 ? (1UL << used) - 1 : ulong.MaxValue;
            if (ids.IsEmpty)
            {
                wanted &= filter.AdmittedBits(position / 64);
            }

            if (wanted == 0)
            {
                continue;
            }

            int blocks = (used + ByteKernel.BlockRows - 1) / ByteKernel.BlockRows;
            ByteKernel.Multiply(rows.Blocks(position / ByteKernel.BlockRows, blocks), query, _products.AsSpan(0, blocks * ByteKernel.BlockRows), _level);
            Keep(rows, position, blocks * ByteKernel.BlockRows, wanted, constant, filter, ids);
        }
    }

    private void Keep(ByteRows rows, int first, int count, ulong wanted, float constant, RowFilter filter, ReadOnlySpan<int> ids)
    {
        var floor = new ScoreFloor(_floor.AsSpan(0, _k), _floorCount);
        Vector256<float> bar = Vector256.Create(floor.Value);
        constant += _base;
        Vector256<float> slack = Vector256.Create(_slack + Math.Abs(constant) * ConstantRounding);
        for (int lane = 0; lane < count; lane += Vector256<float>.Count)
        {
            nuint at = (nuint)(first + lane);
            Vector256<int> products = Vector256.LoadUnsafe(ref _products[lane]) - Vector256.Create(_correction);
            Vector256<float> scores = Vector256.ConvertToSingle(products) * (Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(rows.Scales), at) * _factor)
                + Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(rows.Offsets), at) + Vector256.Create(constant);
            Vector256<float> bounds = Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(rows.Errors), at) * _errorWeight
                + Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(rows.Norms), at) * _normWeight + slack;

            // "Not below" instead of "at least": a bound that is no number keeps its row.
            uint mask = ~Vector256.LessThan(scores + bounds, bar).ExtractMostSignificantBits() & (uint)(wanted >> lane) & 0xFF;
            for (; mask != 0; mask &= mask - 1)
            {
                int i = BitOperations.TrailingZeroCount(mask);
                int position = first + lane + i;
                if (!ids.IsEmpty && !filter.Admits(ids[position]))
                {
                    continue;
                }

                Add(new Candidate(position, scores[i] + bounds[i]), ref floor);
                float atLeast = scores[i] - bounds[i];
                if (atLeast > floor.Value)
                {
                    floor.Offer(atLeast);
                    bar = Vector256.Create(floor.Value);
                }
            }
        }

        _floorCount = floor.Count;
    }

    private void Add(Candidate candidate, ref ScoreFloor floor)
    {
        if (_pendingCount == _pending.Length)
        {
            // What came early was kept by a lower floor than now.
            float bar = floor.Value;
            int kept = 0;
            foreach (Candidate old in Pending)
            {
                if (!(old.Score < bar))
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

    private static double SumOfSquares(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
        {
            sum += (double)value * value;
        }

        return sum;
    }
}
