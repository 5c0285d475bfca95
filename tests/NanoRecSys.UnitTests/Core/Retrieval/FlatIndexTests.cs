using CsCheck;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class FlatIndexTests
{
    [Fact]
    public void A_row_of_NaN_is_never_found()
    {
        var index = new FlatIndex([float.NaN, 1, float.NaN, 2], dimension: 1);
        Assert.Equal([3, 1], Search(index, [1], k: 4).Select(found => found.Row));
    }

    [Fact]
    public void A_query_or_an_exclusion_of_another_size_is_refused()
    {
        var index = new FlatIndex(new float[10], dimension: 2);
        Assert.Throws<ArgumentException>(() => Search(index, [1, 2, 3], k: 1));
        Assert.Throws<ArgumentException>(() => index.Search([1, 2], new RowFilter(new RowSet(4)), new Candidate[1]));
        Assert.Throws<ArgumentException>(() => new FlatIndex(new float[10], dimension: 3));
    }

    [Theory]
    [InlineData(VectorMetric.InnerProduct)]
    [InlineData(VectorMetric.L2)]
    public void The_result_equals_sorting_all_rows(VectorMetric metric)
    {
        // Small whole numbers: sums are exact, and ties are frequent.
        Gen<float> value = Gen.Int[-3, 3].Select(number => (float)number);
        Gen.Select(Gen.Int[1, 20], Gen.Int[0, 40], Gen.Int[0, 50])
            .SelectMany((dimension, rows, k) => Gen.Select(
                Gen.Const(dimension), Gen.Const(k), value.Array[dimension * rows], value.Array[dimension], Gen.Bool.Array[rows]))
            .Sample((dimension, k, vectors, query, isExcluded) =>
            {
                int[] excluded = [.. Enumerable.Range(0, isExcluded.Length).Where(row => isExcluded[row])];
                Candidate[] expected = [.. Enumerable.Range(0, isExcluded.Length)
                    .Where(row => !isExcluded[row])
                    .Select(row => new Candidate(row, Compare(metric, query, vectors.AsSpan(row * dimension, dimension))))
                    .OrderBy(found => metric == VectorMetric.L2 ? found.Score : -found.Score).ThenBy(found => found.Row)
                    .Take(k)];
                Assert.Equal(expected, Search(new FlatIndex(vectors, dimension, metric), query, k, excluded));
            });
    }

    private static float Compare(VectorMetric metric, float[] query, ReadOnlySpan<float> row)
    {
        float sum = 0;
        for (int i = 0; i < query.Length; i++)
        {
            sum += metric == VectorMetric.L2 ? (query[i] - row[i]) * (query[i] - row[i]) : query[i] * row[i];
        }

        return sum;
    }

    private static Candidate[] Search(FlatIndex index, float[] query, int k, int[]? excluded = null)
    {
        var results = new Candidate[k];
        return results[..index.Search(query, new RowFilter(excluded is null ? null : RowSets.Of(index.Count, excluded)), results)];
    }
}
