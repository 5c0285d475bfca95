using System.Numerics.Tensors;

namespace NanoRecSys.Core.Retrieval.Scan;

/// <summary>
/// The first pass over product codes: the tables of a query as bytes of one common step, so that a sum of M entries is
/// off by at most M / 2 steps. Only rows that may still be among the best K are summed in fp32 afterwards.
/// </summary>
internal sealed class CodeScan
{
    private const float Rounding = 1f / (1 << 18); // of sums of up to some hundred fp32 terms

    [ThreadStatic]
    private static CodeScan? Idle;

    private readonly ushort[] _sums = new ushort[CodeKernel.BlockRows];
    private readonly float[] _scores = new float[CodeKernel.BlockRows];
    private readonly float[] _bounds = new float[CodeKernel.BlockRows];
    private byte[] _bytes = [];
    private bool _useBytes;
    private float _step;
    private float _least;
    private float _bound;
    private int _parts;

    public BoundedCandidates Candidates { get; } = new();

    /// <summary>[M, 256] to be filled by the caller before <see cref="Begin"/>.</summary>
    public float[] Table { get; private set; } = [];

    public static CodeScan Take(int parts)
    {
        CodeScan scan = Idle ?? new CodeScan();
        Idle = null;
        scan._parts = parts;
        if (scan.Table.Length < parts * 256)
        {
            scan.Table = new float[parts * 256];
            scan._bytes = new byte[parts * 256];
        }

        return scan;
    }

    public static void GiveBack(CodeScan scan) => Idle = scan;

    /// <param name="k">Neighbours wanted.</param>
    /// <param name="level">Instructions to use.</param>
    public void Begin(int k, SimdLevel level)
    {
        Candidates.Begin(k);
        float range = 0;
        float magnitude = 0;
        _least = 0;
        for (int part = 0; part < _parts; part++)
        {
            ReadOnlySpan<float> row = Table.AsSpan(part * 256, 256);
            (float low, float high) = (TensorPrimitives.Min(row), TensorPrimitives.Max(row));
            range = Math.Max(range, high - low);
            magnitude += Math.Max(Math.Abs(low), Math.Abs(high));
            _least += low;
        }

        // A table that is no number or endless has no step; it is summed as it is.
        _useBytes = CodeKernel.HasByteTables(level) && _parts <= CodeKernel.MostParts && float.IsFinite(range);
        _step = range > 0 ? range / 255 : 1;
        _bound = magnitude * Rounding + (_useBytes ? 0.501f * _parts * _step : 0);
        for (int part = 0; _useBytes && part < _parts; part++)
        {
            ReadOnlySpan<float> row = Table.AsSpan(part * 256, 256);
            float low = TensorPrimitives.Min(row);
            for (int i = 0; i < 256; i++)
            {
                _bytes[part * 256 + i] = (byte)Math.Clamp((row[i] - low) / _step + 0.5f, 0, 255);
            }
        }
    }

    /// <param name="codes">[blocks, M, 64]</param>
    /// <param name="offsets">[positions] added to each row's sum.</param>
    /// <param name="first">First position; a multiple of 64.</param>
    /// <param name="count">Positions in use from there on.</param>
    /// <param name="constant">Added to every score.</param>
    /// <param name="filter">Its sets are over ids.</param>
    /// <param name="ids">[positions]</param>
    public void Scan(ReadOnlySpan<byte> codes, ReadOnlySpan<float> offsets, int first, int count, float constant, RowFilter filter, ReadOnlySpan<int> ids)
    {
        int blockBytes = _parts * CodeKernel.BlockRows;
        _bounds.AsSpan().Fill(_bound + Math.Abs(constant) * Rounding);
        for (int position = first; position < first + count; position += CodeKernel.BlockRows)
        {
            int used = Math.Min(CodeKernel.BlockRows, first + count - position);
            ReadOnlySpan<byte> block = codes.Slice(position / CodeKernel.BlockRows * blockBytes, blockBytes);
            if (_useBytes)
            {
                CodeKernel.SumBytes(block, _bytes.AsSpan(0, _parts * 256), _sums);
                TensorPrimitives.ConvertTruncating<ushort, float>(_sums, _scores);
                TensorPrimitives.MultiplyAdd(_scores, _step, offsets.Slice(position, CodeKernel.BlockRows), _scores);
                TensorPrimitives.Add(_scores, constant + _least, _scores);
            }
            else
            {
                CodeKernel.SumFloats(block, Table.AsSpan(0, _parts * 256), _scores);
                TensorPrimitives.Add(_scores, offsets.Slice(position, CodeKernel.BlockRows), _scores);
                TensorPrimitives.Add(_scores, constant, _scores);
            }

            Candidates.Offer(position, _scores, _bounds, used < 64 ? (1UL << used) - 1 : ulong.MaxValue, filter, ids);
        }
    }
}
