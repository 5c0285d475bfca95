using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Export;

/// <summary>How much of the true nearest neighbours an index finds.</summary>
internal static class IndexRecall
{
    /// <param name="index">The index to measure.</param>
    /// <param name="exact">Brute force over the same rows.</param>
    /// <param name="queries">[B, D]</param>
    /// <param name="k">Neighbours compared; all rows where there are fewer.</param>
    /// <returns>Share of the k exact neighbours that the index's k hold, averaged over the queries.</returns>
    public static double Measure(IVectorIndex index, FlatIndex exact, ReadOnlySpan<float> queries, int k)
    {
        var expected = new Candidate[Math.Min(k, exact.Count)];
        var actual = new Candidate[expected.Length];
        long shared = 0;
        long asked = 0;
        for (int start = 0; start < queries.Length; start += exact.Dimension)
        {
            ReadOnlySpan<float> query = queries.Slice(start, exact.Dimension);
            exact.Search(query, RowFilter.None, expected);
            int found = index.Search(query, RowFilter.None, actual);
            HashSet<int> rows = [.. expected.Select(candidate => candidate.Row)];
            shared += actual.Take(found).Count(candidate => rows.Contains(candidate.Row));
            asked += expected.Length;
        }

        return asked > 0 ? (double)shared / asked : 0;
    }
}
