using System.Numerics.Tensors;

namespace NanoRecSys.Core.Retrieval;

/// <summary>Lists of rows as M bytes each: FAISS's <c>IndexIVFPQ</c> with 8-bit codes. The most compact kind.</summary>
/// <remarks>
/// With centroid c and decoded residual r, |q - c - r|^2 = |q - c|^2 - 2 q.r + (|r|^2 + 2 c.r). FAISS keeps a table of the
/// last part per list and centroid; here each row keeps its own sum, so that one table per query serves all lists.
/// </remarks>
internal sealed class IvfProductIndex : IvfIndex
{
    private readonly byte[] _codes; // [positions / 64, M, 64]
    private readonly float[] _offsets; // [positions] for L2: -(|r|^2 + 2 c.r)
    private readonly IVectorKernel _kernel;

    /// <param name="centroids">[lists, D]</param>
    /// <param name="lists">Created with an alignment of <see cref="ListAlignment"/>.</param>
    /// <param name="byResidual">Whether codes encode the difference from the list's centroid.</param>
    /// <param name="codeAt">Writes the [M] codes of a position; may be called by several threads.</param>
    /// <param name="kernel">The kernel to compare with; null for the fastest.</param>
    public IvfProductIndex(
        FlatIndex centroids, InvertedLists lists, ProductQuantizer quantizer, bool byResidual, PositionCode codeAt, IVectorKernel? kernel = null)
        : base(centroids, lists)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(quantizer.Dimension, Dimension, nameof(quantizer));
        Quantizer = quantizer;
        ByResidual = byResidual;
        _kernel = kernel ?? VectorKernels.Best;
        _codes = new byte[checked(lists.Positions * quantizer.Parts)];
        _offsets = new float[lists.Positions];
        Parallel.For(0, lists.Count, list =>
        {
            Span<byte> code = new byte[quantizer.Parts];
            var decoded = new float[Dimension];
            for (int position = lists.Start(list); position < lists.Start(list) + lists.Size(list); position++)
            {
                codeAt(position, code);
                for (int part = 0; part < code.Length; part++)
                {
                    _codes[At(position, part)] = code[part];
                }

                if (Metric == VectorMetric.L2)
                {
                    quantizer.Decode(code, decoded);
                    _offsets[position] = -TensorPrimitives.Dot<float>(decoded, decoded)
                        - (byResidual ? 2 * TensorPrimitives.Dot(Centroids.Vectors.Slice(list * Dimension, Dimension), decoded) : 0);
                }
            }
        });
    }

    public static int ListAlignment => VectorKernels.CodeBlockRows; // rows of a block; every list starts at a block
    public override string Kind => IndexKinds.IvfProduct;
    public override long Memory => base.Memory + _codes.LongLength + sizeof(float) * _offsets.LongLength + Quantizer.Memory;
    public ProductQuantizer Quantizer { get; }
    public bool ByResidual { get; }

    /// <param name="code">[M]</param>
    public void ReadCode(int position, Span<byte> code)
    {
        for (int part = 0; part < code.Length; part++)
        {
            code[part] = _codes[At(position, part)];
        }
    }

    protected override int SearchLists(ReadOnlySpan<float> query, RowFilter filter, ReadOnlySpan<Candidate> lists, Span<Candidate> results)
    {
        CodeScan scan = Spare<CodeScan>.Take();
        Span<float> table = scan.TableFor(Quantizer.Parts);
        Quantizer.Products(query, table);
        if (Metric == VectorMetric.L2)
        {
            TensorPrimitives.Multiply(table, 2, table);
        }

        scan.Begin(results.Length, _kernel);
        float squares = TensorPrimitives.Dot(query, query);
        for (int i = 0; i < lists.Length && (i < Probes || !scan.Candidates.IsFull); i++)
        {
            int list = lists[i].Row;
            scan.Scan(_codes, _offsets, Lists.Start(list), Lists.Size(list), Constant(lists[i].Score, squares), filter, Lists.Ids);
        }

        var best = new TopK(results);
        Rescore(scan.Candidates, table, lists, squares, ref best);
        Spare<CodeScan>.GiveBack(scan);
        return best.SortBestFirst(Metric);
    }

    private float Constant(float centroid, float squares) => (Metric, ByResidual) switch
    {
        (VectorMetric.InnerProduct, true) => centroid,
        (VectorMetric.InnerProduct, false) => 0,
        (_, true) => -centroid,
        _ => -squares,
    };

    // The kept rows are in list order, so that one pass over both finds each row's list.
    private void Rescore(BoundedCandidates kept, ReadOnlySpan<float> table, ReadOnlySpan<Candidate> lists, float squares, ref TopK best)
    {
        int i = 0;
        foreach (Candidate candidate in kept.Pending)
        {
            int position = candidate.Row;
            while (position < Lists.Start(lists[i].Row) || position >= Lists.Start(lists[i].Row) + Lists.Size(lists[i].Row))
            {
                i++;
            }

            if (candidate.Score < kept.Floor || candidate.Score < best.Threshold)
            {
                continue;
            }

            float sum = 0;
            for (int part = 0; part < Quantizer.Parts; part++)
            {
                sum += table[part * ProductQuantizer.Centroids + _codes[At(position, part)]];
            }

            best.Offer(Lists.Ids[position], Constant(lists[i].Score, squares) + (sum + _offsets[position]));
        }
    }

    private int At(int position, int part) =>
        (position / VectorKernels.CodeBlockRows * Quantizer.Parts + part) * VectorKernels.CodeBlockRows + position % VectorKernels.CodeBlockRows;
}

/// <summary>
/// A vector as M bytes: each selects the nearest of 256 centroids in its part of the vector (Jégou et al., 2011).
/// </summary>
internal sealed class ProductQuantizer
{
    public const int Centroids = 256; // centroids of a part, one per value of a byte

    private readonly float[] _columns; // [M, width, 256]: one dimension of all centroids adjacent
    private readonly float[] _squares; // [M, 256]

    /// <param name="dimension">D, a multiple of <paramref name="parts"/>.</param>
    /// <param name="codebooks">[M, 256, D / M]; kept, not copied.</param>
    public ProductQuantizer(int dimension, int parts, float[] codebooks)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(parts);
        ArgumentOutOfRangeException.ThrowIfNotEqual(dimension % parts, 0, nameof(parts));
        ArgumentOutOfRangeException.ThrowIfNotEqual(codebooks.Length, dimension * Centroids, nameof(codebooks));
        Dimension = dimension;
        Parts = parts;
        Width = dimension / parts;
        Codebooks = codebooks;
        _columns = new float[codebooks.Length];
        _squares = new float[parts * Centroids];
        for (int i = 0; i < parts * Centroids; i++)
        {
            ReadOnlySpan<float> centroid = codebooks.AsSpan(i * Width, Width);
            _squares[i] = TensorPrimitives.Dot(centroid, centroid);
            for (int d = 0; d < Width; d++)
            {
                _columns[(i / Centroids * Width + d) * Centroids + i % Centroids] = centroid[d];
            }
        }
    }

    public int Dimension { get; } // D
    public int Parts { get; } // M: parts of a vector, and bytes of a code
    public int Width { get; } // D / M
    public float[] Codebooks { get; } // [M, 256, D / M]
    public long Memory => sizeof(float) * (2L * Codebooks.Length + _squares.Length);

    /// <summary>Inner products of each part of a query with the part's centroids.</summary>
    /// <param name="query">[D]</param>
    /// <param name="table">[M, 256]</param>
    public void Products(ReadOnlySpan<float> query, Span<float> table)
    {
        table.Clear();
        for (int d = 0; d < Dimension; d++)
        {
            Span<float> part = table.Slice(d / Width * Centroids, Centroids);
            TensorPrimitives.MultiplyAdd(_columns.AsSpan(d * Centroids, Centroids), query[d], part, part);
        }
    }

    /// <param name="vector">[D]</param>
    /// <param name="code">[M]: the nearest centroid of each part.</param>
    public void Encode(ReadOnlySpan<float> vector, Span<byte> code)
    {
        Span<float> nearness = stackalloc float[Centroids];
        for (int part = 0; part < Parts; part++)
        {
            // |x - c|^2 is smallest where |c|^2 / 2 - x.c is.
            TensorPrimitives.Multiply(_squares.AsSpan(part * Centroids, Centroids), -0.5f, nearness);
            for (int d = 0; d < Width; d++)
            {
                int column = part * Width + d;
                TensorPrimitives.MultiplyAdd(_columns.AsSpan(column * Centroids, Centroids), vector[column], nearness, nearness);
            }

            code[part] = (byte)TensorPrimitives.IndexOfMax<float>(nearness);
        }
    }

    /// <param name="code">[M]</param>
    /// <param name="vector">[D]</param>
    public void Decode(ReadOnlySpan<byte> code, Span<float> vector)
    {
        for (int part = 0; part < Parts; part++)
        {
            Codebooks.AsSpan((part * Centroids + code[part]) * Width, Width).CopyTo(vector[(part * Width)..]);
        }
    }
}

/// <summary>
/// The first pass over product codes: the query's tables as bytes with a common step, so that a sum of M entries is
/// off by at most M / 2 steps. Only rows that may still be among the best K are then summed in fp32.
/// </summary>
internal sealed class CodeScan
{
    private const float Rounding = 1f / (1 << 18); // error of sums of up to a few hundred fp32 terms

    private readonly ushort[] _sums = new ushort[VectorKernels.CodeBlockRows];
    private readonly float[] _scores = new float[VectorKernels.CodeBlockRows];
    private readonly float[] _bounds = new float[VectorKernels.CodeBlockRows];
    private float[] _table = []; // [M, 256]
    private byte[] _bytes = []; // [M, 256]
    private IVectorKernel _kernel = VectorKernels.Best;
    private bool _useBytes;
    private float _step;
    private float _least;
    private float _bound;
    private int _parts;

    public BoundedCandidates Candidates { get; } = new();

    /// <returns>[M, 256] to be filled before <see cref="Begin"/>.</returns>
    public Span<float> TableFor(int parts)
    {
        _parts = parts;
        if (_table.Length < parts * 256)
        {
            _table = new float[parts * 256];
            _bytes = new byte[parts * 256];
        }

        return _table.AsSpan(0, parts * 256);
    }

    public void Begin(int k, IVectorKernel kernel)
    {
        Candidates.Begin(k);
        _kernel = kernel;
        float range = 0;
        float magnitude = 0;
        _least = 0;
        for (int part = 0; part < _parts; part++)
        {
            ReadOnlySpan<float> row = _table.AsSpan(part * 256, 256);
            (float low, float high) = (TensorPrimitives.Min(row), TensorPrimitives.Max(row));
            range = Math.Max(range, high - low);
            magnitude += Math.Max(Math.Abs(low), Math.Abs(high));
            _least += low;
        }

        // A table with NaN or infinity has no step and is summed in fp32.
        _useBytes = kernel.HasByteTables && _parts <= VectorKernels.MostParts && float.IsFinite(range);
        _step = range > 0 ? range / 255 : 1;
        _bound = magnitude * Rounding + (_useBytes ? 0.501f * _parts * _step : 0);
        for (int part = 0; _useBytes && part < _parts; part++)
        {
            ReadOnlySpan<float> row = _table.AsSpan(part * 256, 256);
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
    /// <param name="count">Number of positions in use from there.</param>
    /// <param name="ids">[positions]</param>
    public void Scan(ReadOnlySpan<byte> codes, ReadOnlySpan<float> offsets, int first, int count, float constant, RowFilter filter, ReadOnlySpan<int> ids)
    {
        int blockBytes = _parts * VectorKernels.CodeBlockRows;
        _bounds.AsSpan().Fill(_bound + Math.Abs(constant) * Rounding);
        for (int position = first; position < first + count; position += VectorKernels.CodeBlockRows)
        {
            int used = Math.Min(VectorKernels.CodeBlockRows, first + count - position);
            ReadOnlySpan<byte> block = codes.Slice(position / VectorKernels.CodeBlockRows * blockBytes, blockBytes);
            if (_useBytes)
            {
                _kernel.SumBytes(block, _bytes.AsSpan(0, _parts * 256), _sums);
                TensorPrimitives.ConvertTruncating<ushort, float>(_sums, _scores);
                TensorPrimitives.MultiplyAdd(_scores, _step, offsets.Slice(position, VectorKernels.CodeBlockRows), _scores);
                TensorPrimitives.Add(_scores, constant + _least, _scores);
            }
            else
            {
                SumFloats(block, _table.AsSpan(0, _parts * 256), _scores);
                TensorPrimitives.Add(_scores, offsets.Slice(position, VectorKernels.CodeBlockRows), _scores);
                TensorPrimitives.Add(_scores, constant, _scores);
            }

            Candidates.Offer(position, _scores, _bounds, used < 64 ? (1UL << used) - 1 : ulong.MaxValue, filter, ids);
        }
    }

    // [parts, 64], [parts, 256] -> [64]
    private static void SumFloats(ReadOnlySpan<byte> codes, ReadOnlySpan<float> tables, Span<float> sums)
    {
        sums.Clear();
        for (int part = 0; part < codes.Length / VectorKernels.CodeBlockRows; part++)
        {
            ReadOnlySpan<float> table = tables.Slice(part * 256, 256);
            ReadOnlySpan<byte> row = codes.Slice(part * VectorKernels.CodeBlockRows, VectorKernels.CodeBlockRows);
            for (int i = 0; i < row.Length; i++)
            {
                sums[i] += table[row[i]];
            }
        }
    }
}
