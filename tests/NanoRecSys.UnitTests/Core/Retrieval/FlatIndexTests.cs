using CsCheck;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class FlatIndexTests
{
    // Rows on a line: row r is (r, 0), so scores and distances are easy to compute by hand.
    private static readonly float[] Line = [0, 0, 1, 0, 2, 0, 3, 0, 4, 0];

    [Fact]
    public void Inner_product_ranks_the_largest_first()
    {
        var index = new FlatIndex(Line, dimension: 2);
        Assert.Equal([new(4, 8), new(3, 6), new(2, 4)], Search(index, [2, 1], k: 3));
    }

    [Fact]
    public void L2_ranks_the_smallest_squared_distance_first()
    {
        var index = new FlatIndex(Line, dimension: 2, VectorMetric.L2);
        Assert.Equal([new(2, 1), new(1, 2), new(3, 2)], Search(index, [2, 1], k: 3));
    }

    [Fact]
    public void Excluded_rows_never_take_a_place()
    {
        var index = new FlatIndex(Line, dimension: 2);
        Assert.Equal([2, 0], Search(index, [1, 0], k: 2, excluded: [4, 3, 1]).Select(found => found.Row));
    }

    [Fact]
    public void With_fewer_rows_than_k_all_are_returned()
    {
        var index = new FlatIndex(Line, dimension: 2);
        Assert.Equal([3, 1], Search(index, [1, 0], k: 10, excluded: [0, 2, 4]).Select(found => found.Row));
        Assert.Empty(Search(index, [1, 0], k: 10, excluded: [0, 1, 2, 3, 4]));
        Assert.Empty(Search(index, [1, 0], k: 0));
    }

    [Theory]
    [InlineData(VectorMetric.InnerProduct)]
    [InlineData(VectorMetric.L2)]
    public void Equal_rows_are_in_ascending_order(VectorMetric metric)
    {
        var index = new FlatIndex([1, 1, 1, 1, 1, 1, 1, 1], dimension: 1, metric);
        Assert.Equal([1, 2, 3], Search(index, [1], k: 3, excluded: [0]).Select(found => found.Row));
    }

    [Fact]
    public void A_row_of_NaN_is_never_found()
    {
        var index = new FlatIndex([float.NaN, 1, float.NaN, 2], dimension: 1);
        Assert.Equal([3, 1], Search(index, [1], k: 4).Select(found => found.Row));
    }

    [Fact]
    public void A_query_or_an_exclusion_of_another_size_is_refused()
    {
        var index = new FlatIndex(Line, dimension: 2);
        Assert.Throws<ArgumentException>(() => Search(index, [1, 2, 3], k: 1));
        Assert.Throws<ArgumentException>(() => index.Search([1, 2], new RowFilter(new RowSet(4)), new Candidate[1]));
        Assert.Throws<ArgumentException>(() => new FlatIndex(Line, dimension: 3));
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
