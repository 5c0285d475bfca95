using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Retrieval.Scan;

/// <summary>
/// The first pass of a search: products of bytes tell each row's score to within a proven bound, and only rows that
/// may still be among the best K are kept, to be compared in fp32 afterwards.
/// </summary>
/// <remarks>
/// With row x = s*a + e and query q = t*b + f (a, b integers), |q.x - s*t*(a.b)| = |t*b.e + f.x| &lt;= |t*b||e| + |f||x|
/// by Cauchy-Schwarz. Roundings of fp32 are added to it.
/// <para>Kept by each thread for its next search, so that a search allocates nothing.</para>
/// </remarks>
internal sealed class RowScan
{
    private const float Underflow = 1f / (1L << 59) / (1L << 59); // 2^-118: a product of bytes, below 2^31, times what a scale near 0 loses
    private const float ConstantRounding = 1f / (1 << 20); // some roundings of 2^-24 each, generously

    [ThreadStatic]
    private static RowScan? Idle;

    private readonly int[] _products = new int[BoundedCandidates.RowsAtOnce];
    private readonly float[] _scores = new float[BoundedCandidates.RowsAtOnce];
    private readonly float[] _bounds = new float[BoundedCandidates.RowsAtOnce];
    private int[] _pairs = [];
    private SimdLevel _level;
    private int _correction;
    private float _factor;
    private float _errorWeight;
    private float _normWeight;
    private float _slack;

    public BoundedCandidates Candidates { get; } = new();

    /// <summary>|q|^2</summary>
    public float SquaredNorm { get; private set; }

    public static RowScan Take()
    {
        RowScan scan = Idle ?? new RowScan();
        Idle = null;
        return scan;
    }

    public static void GiveBack(RowScan scan) => Idle = scan;

    /// <param name="rows">Where the query will be compared.</param>
    /// <param name="query">[D]</param>
    /// <param name="metric">For L2 scores are 2 q.x - |x|^2 and a constant of the caller's, usually -|q|^2.</param>
    /// <param name="k">Neighbours wanted.</param>
    /// <param name="level">Instructions to use.</param>
    public void Begin(ByteRows rows, ReadOnlySpan<float> query, VectorMetric metric, int k, SimdLevel level)
    {
        Array.Resize(ref _pairs, Math.Max(_pairs.Length, ShortQuery.PairsOf(query.Length)));
        Candidates.Begin(k);
        _level = level;
        ShortQuery quantized = ShortQuery.Quantize(query, _pairs.AsSpan(0, ShortQuery.PairsOf(query.Length)));
        _correction = ByteRows.Correction(quantized);

        // |fp32 sum of D terms - true sum| <= D * 2^-24 * |q||x| in any order; 32 more for what is computed here.
        double norm = Math.Sqrt(SumOfSquares(query));
        double rounding = (query.Length + 32) * Math.Pow(2, -24);
        double times = metric == VectorMetric.L2 ? 2 : 1;
        double normWeight = times * (quantized.Error * 1.00001 + norm * rounding);
        _factor = (float)times * quantized.Scale;
        _errorWeight = (float)(times * quantized.Norm * 1.00001);
        _normWeight = (float)(metric == VectorMetric.L2 ? normWeight + rounding * rows.LargestNorm : normWeight);
        _slack = Underflow + (metric == VectorMetric.L2 ? (float)(rounding * (norm * norm + rows.LargestOffset)) : 0);
        SquaredNorm = (float)(norm * norm);
    }

    /// <param name="rows">The same rows as for <see cref="Begin"/>.</param>
    /// <param name="first">First position; a multiple of 16, and of 64 without ids.</param>
    /// <param name="count">Positions in use from there on.</param>
    /// <param name="constant">Added to every score.</param>
    /// <param name="filter">Its sets are over rows.</param>
    /// <param name="ids">[Positions] the row at each position; empty where position and row are the same.</param>
    public void Scan(ByteRows rows, int first, int count, float constant, RowFilter filter, ReadOnlySpan<int> ids)
    {
        ReadOnlySpan<int> query = _pairs.AsSpan(0, ShortQuery.PairsOf(rows.Dimension));
        for (int position = first; position < first + count; position += BoundedCandidates.RowsAtOnce)
        {
            int used = Math.Min(BoundedCandidates.RowsAtOnce, first + count - position);
            ulong wanted = used < 64 ? (1UL << used) - 1 : ulong.MaxValue;
            if (ids.IsEmpty)
            {
                wanted &= filter.AdmittedBits(position / 64);
            }

            if (wanted != 0)
            {
                int blocks = (used + ByteKernel.BlockRows - 1) / ByteKernel.BlockRows;
                int lanes = blocks * ByteKernel.BlockRows;
                ByteKernel.Multiply(rows.Blocks(position / ByteKernel.BlockRows, blocks), query, _products.AsSpan(0, lanes), _level);
                Score(rows, position, lanes, constant);
                Candidates.Offer(position, _scores.AsSpan(0, lanes), _bounds.AsSpan(0, lanes), wanted, filter, ids);
            }
        }
    }

    private void Score(ByteRows rows, int first, int lanes, float constant)
    {
        Vector256<int> correction = Vector256.Create(_correction);
        Vector256<float> slack = Vector256.Create(_slack + Math.Abs(constant) * ConstantRounding);
        ref float scales = ref MemoryMarshal.GetArrayDataReference(rows.Scales);
        ref float offsets = ref MemoryMarshal.GetArrayDataReference(rows.Offsets);
        ref float errors = ref MemoryMarshal.GetArrayDataReference(rows.Errors);
        ref float norms = ref MemoryMarshal.GetArrayDataReference(rows.Norms);
        for (int lane = 0; lane < lanes; lane += Vector256<float>.Count)
        {
            nuint at = (nuint)(first + lane);
            Vector256<float> products = Vector256.ConvertToSingle(Vector256.LoadUnsafe(ref _products[lane]) - correction);
            Vector256<float> scores = products * (Vector256.LoadUnsafe(ref scales, at) * _factor) + Vector256.LoadUnsafe(ref offsets, at);
            Vector256<float> bounds = Vector256.LoadUnsafe(ref errors, at) * _errorWeight + Vector256.LoadUnsafe(ref norms, at) * _normWeight;
            (scores + Vector256.Create(constant)).StoreUnsafe(ref _scores[lane]);
            (bounds + slack).StoreUnsafe(ref _bounds[lane]);
        }
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
