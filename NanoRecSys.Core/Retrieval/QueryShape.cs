namespace NanoRecSys.Core.Retrieval;

/// <summary>What every index asks of a query before it searches.</summary>
internal static class QueryShape
{
    /// <exception cref="ArgumentException">The query or the filter is of another size than the index.</exception>
    public static void Require(IVectorIndex index, ReadOnlySpan<float> query, RowFilter filter)
    {
        if (query.Length != index.Dimension)
        {
            throw new ArgumentException($"The query has {query.Length} dimensions, the index has {index.Dimension}.", nameof(query));
        }

        filter.Require(index.Count);
    }
}
