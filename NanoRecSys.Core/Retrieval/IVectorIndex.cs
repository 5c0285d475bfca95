namespace NanoRecSys.Core.Retrieval;

/// <summary>How two vectors compare.</summary>
public enum VectorMetric
{
    /// <summary>Larger is nearer.</summary>
    InnerProduct,

    /// <summary>Squared Euclidean distance: smaller is nearer.</summary>
    L2,
}

/// <summary>A row of the index and its score (inner product) or squared distance (L2).</summary>
public readonly record struct Candidate(int Row, float Score);

/// <summary>Nearest neighbours of a query among the rows of a FAISS-format index. Safe for concurrent searches.</summary>
public interface IVectorIndex
{
    /// <summary>FAISS's name in our spelling: see <see cref="IndexKinds"/></summary>
    string Kind { get; }

    /// <summary>Which code searches: see <see cref="IndexEngines"/>.</summary>
    string Engine { get; }

    VectorMetric Metric { get; }

    int Dimension { get; }

    int Count { get; }

    /// <summary>Bytes that it takes; a mapped file's count although the system may page them out.</summary>
    long Memory { get; }

    /// <summary>
    /// Finds the nearest rows that <paramref name="filter"/> admits, nearest first; rows of equal score in ascending
    /// order. The filter works inside the search, so that rows it leaves out never take a place: an exact index gives
    /// as many as there are, up to the length of <paramref name="results"/>.
    /// </summary>
    /// <param name="query">[Dimension]</param>
    /// <param name="filter">Its sets are over this index's <see cref="Count"/> rows.</param>
    /// <param name="results">Receives the candidates; its length is K.</param>
    /// <returns>The number of candidates written.</returns>
    /// <exception cref="ArgumentException">The query or the filter is of another size than the index.</exception>
    int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results);
}
