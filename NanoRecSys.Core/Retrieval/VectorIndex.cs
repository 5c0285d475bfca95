using System.Numerics;
using System.Numerics.Tensors;

namespace NanoRecSys.Core.Retrieval;

/// <summary>How two vectors compare.</summary>
public enum VectorMetric
{
    InnerProduct, // larger is nearer
    L2, // squared Euclidean distance: smaller is nearer
}

internal static class VectorScores
{
    /// <summary>Larger is nearer: the inner product, or the squared distance negated.</summary>
    public static float Score(this IVectorKernel kernel, VectorMetric metric, ReadOnlySpan<float> a, ReadOnlySpan<float> b) =>
        metric == VectorMetric.InnerProduct ? kernel.Dot(a, b) : -kernel.SquaredDistance(a, b);
}

/// <summary>A row of the index and its score (inner product) or squared distance (L2).</summary>
internal readonly record struct Candidate(int Row, float Score);

/// <summary>Nearest neighbors of a query among the rows of a FAISS-format index. Safe for concurrent searches.</summary>
internal interface IVectorIndex
{
    /// <summary>FAISS's name in our spelling; see <see cref="IndexKinds"/>.</summary>
    string Kind { get; }

    /// <summary>The search engine; see <see cref="IndexEngines"/>.</summary>
    string Engine => IndexEngines.Managed;

    VectorMetric Metric { get; }

    int Dimension { get; }

    int Count { get; }

    /// <summary>Size in bytes; includes a mapped file, although the system may page it out.</summary>
    long Memory { get; }

    /// <summary>
    /// Finds the nearest rows that <paramref name="filter"/> admits, nearest first; rows of equal score in ascending
    /// order. The filter works inside the search, so that excluded rows never take up a result: an exact index returns
    /// as many rows as there are, up to the length of <paramref name="results"/>.
    /// </summary>
    /// <param name="query">[Dimension]</param>
    /// <param name="filter">Its sets are over this index's <see cref="Count"/> rows.</param>
    /// <param name="results">Receives the candidates; its length is K.</param>
    /// <exception cref="ArgumentException">The query or the filter does not have the index's size.</exception>
    int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results);
}

/// <summary>Names of the kinds of index, as the command line and the manifest spell them.</summary>
internal static class IndexKinds
{
    public const string Flat = "flat"; // every row is compared; exact
    public const string IvfFlat = "ivf-flat"; // rows in lists by their nearest centroid; the lists nearest to the query are searched
    public const string IvfScalar = "ivf-sq8"; // the same, with one byte per dimension
    public const string IvfProduct = "ivf-pq"; // the same, with one byte per part of the vector: the nearest of 256 centroids
    public const string Hnsw = "hnsw"; // a graph whose edges lead to neighboring rows (Malkov and Yashunin, 2016)

    public static readonly IReadOnlyList<string> All = [Flat, IvfFlat, IvfScalar, IvfProduct, Hnsw];
}

internal static class IndexEngines
{
    public const string Managed = "managed"; // ours; no native library needed
    public const string Faiss = "faiss"; // the FAISS library, if installed
}

/// <summary>Keeps one object per thread for its next search, so that a search allocates nothing.</summary>
internal static class Spare<T>
    where T : class, new()
{
    [ThreadStatic]
    private static T? Kept;

    public static T Take()
    {
        T taken = Kept ?? new T();
        Kept = null;
        return taken;
    }

    public static void GiveBack(T used) => Kept = used;
}

/// <summary>Checks a query before the search of any index.</summary>
internal static class QueryShape
{
    /// <exception cref="ArgumentException">The query or the filter does not have the index's size.</exception>
    public static void Require(IVectorIndex index, ReadOnlySpan<float> query, RowFilter filter)
    {
        if (query.Length != index.Dimension)
        {
            throw new ArgumentException($"The query has {query.Length} dimensions, the index has {index.Dimension}.", nameof(query));
        }

        filter.Require(index.Count);
    }
}

/// <summary>
/// The rows that a search may return: those in <see cref="Allowed"/> (all if null) and not in
/// <see cref="Excluded"/>. Two sets, because the items of a category are the same for every request and can be
/// shared, while each user has a different history.
/// </summary>
/// <param name="Excluded">Rows to leave out, such as the history; null for none.</param>
/// <param name="Allowed">Rows to choose from, such as those of a category; null for all.</param>
internal readonly record struct RowFilter(RowSet? Excluded, RowSet? Allowed = null)
{
    public static RowFilter None => default; // admits every row
    public bool IsNone => Excluded is null && Allowed is null;

    public bool Admits(int row) => Excluded?.Contains(row) != true && Allowed?.Contains(row) != false;

    /// <returns>A bit for each of the rows from 64 * <paramref name="word"/> on: set if the row may be returned.</returns>
    /// <remarks>Bits beyond the last row of an index are meaningless.</remarks>
    public ulong AdmittedBits(int word) => (Allowed?.Words[word] ?? ulong.MaxValue) & ~(Excluded?.Words[word] ?? 0);

    /// <returns>How many of the index's <paramref name="rows"/> rows are admitted.</returns>
    public int CountAdmitted(int rows)
    {
        if (Allowed is null)
        {
            return rows - (Excluded?.Count ?? 0);
        }

        int count = 0;
        for (int word = 0; word < Allowed.Words.Length; word++)
        {
            count += BitOperations.PopCount(AdmittedBits(word));
        }

        return count;
    }

    /// <exception cref="ArgumentException">A set does not have the index's number of rows.</exception>
    public void Require(int rows)
    {
        Require("excluded", Excluded, rows);
        Require("allowed", Allowed, rows);
    }

    private static void Require(string name, RowSet? set, int rows)
    {
        if (set is not null && set.Rows != rows)
        {
            throw new ArgumentException($"The {name} set has {set.Rows} rows, the index has {rows}.");
        }
    }
}

/// <summary>A set of index rows as one bit each; membership is one shift and one mask in the search's inner loop.</summary>
internal sealed class RowSet(int rows)
{
    private readonly ulong[] _bits = new ulong[(rows + 63) / 64];

    public int Rows { get; } = rows;
    public int Count { get; private set; }
    public ReadOnlySpan<ulong> Words => _bits; // row r is bit r % 64 of word r / 64; bits beyond the last row are never set

    public bool Contains(int row) => (_bits[row >> 6] >> (row & 63) & 1) != 0;

    /// <returns>False if the row was already in the set.</returns>
    public bool Add(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        ref ulong word = ref _bits[row >> 6];
        ulong bit = 1UL << (row & 63);
        bool isNew = (word & bit) == 0;
        Count += isNew ? 1 : 0;
        word |= bit;
        return isNew;
    }

    public void AddRange(ReadOnlySpan<int> rows)
    {
        foreach (int row in rows)
        {
            Add(row);
        }
    }

    /// <summary>Removes rows: for a few rows this is faster than clearing all bits.</summary>
    public void RemoveRange(ReadOnlySpan<int> rows)
    {
        foreach (int row in rows)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(rows));
            ref ulong word = ref _bits[row >> 6];
            ulong bit = 1UL << (row & 63);
            Count -= (word & bit) != 0 ? 1 : 0;
            word &= ~bit;
        }
    }

    public RowSet Fill()
    {
        Array.Fill(_bits, ulong.MaxValue);
        if ((Rows & 63) != 0)
        {
            _bits[^1] = (1UL << (Rows & 63)) - 1;
        }

        Count = Rows;
        return this;
    }

    public void UnionWith(RowSet other)
    {
        TensorPrimitives.BitwiseOr(_bits, other._bits, _bits);
        Count = CountBits();
    }

    public void IntersectWith(RowSet other)
    {
        TensorPrimitives.BitwiseAnd(_bits, other._bits, _bits);
        Count = CountBits();
    }

    public void ExceptWith(RowSet other)
    {
        for (int word = 0; word < _bits.Length; word++)
        {
            _bits[word] &= ~other._bits[word];
        }

        Count = CountBits();
    }

    /// <returns>A copy for <paramref name="rows"/> rows starting at <paramref name="first"/>, renumbered from 0.</returns>
    public RowSet Slice(int first, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)rows, (uint)(Rows - first), nameof(rows));
        var slice = new RowSet(rows);
        int shift = first & 63;
        for (int word = 0; word < slice._bits.Length; word++)
        {
            int from = (first >> 6) + word;
            slice._bits[word] = _bits[from] >> shift;
            if (shift > 0 && from + 1 < _bits.Length)
            {
                slice._bits[word] |= _bits[from + 1] << (64 - shift);
            }
        }

        if ((rows & 63) != 0)
        {
            slice._bits[^1] &= (1UL << (rows & 63)) - 1;
        }

        slice.Count = slice.CountBits();
        return slice;
    }

    private int CountBits()
    {
        int count = 0;
        foreach (ulong word in _bits)
        {
            count += BitOperations.PopCount(word);
        }

        return count;
    }
}
