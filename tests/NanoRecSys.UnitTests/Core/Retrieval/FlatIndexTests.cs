using CsCheck;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class FlatIndexTests
{
    [Fact]
    public void A_row_of_NaN_is_never_found()
    {
        var index = new FlatIndex(new[] { float.NaN, 1, float.NaN, 2 }, dimension: 1);
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

/// <summary>The pass over bytes must not change the results, on any instruction set.</summary>
public sealed class FlatScanTests
{
    private const int K = 20;

    // 37 dimensions are odd: half of the last pair is empty.
    public static TheoryData<SimdLevel, VectorMetric, int> Paths() => new(
        from level in VectorKernels.Supported
        from metric in Enum.GetValues<VectorMetric>()
        from dimension in new[] { 64, 37 }
        select (level, metric, dimension));

    [Theory]
    [MemberData(nameof(Paths))]
    public void Rows_and_scores_are_those_of_comparing_all_in_fp32(SimdLevel level, VectorMetric metric, int dimension)
    {
        float[] vectors = RandomVectors.Clustered(2037, dimension, centres: 40, seed: 1);
        vectors.AsSpan(0, 50 * dimension).CopyTo(vectors.AsSpan(900 * dimension)); // equal rows must keep their order
        RequireSame(vectors, dimension, metric, level);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Rows_of_very_different_lengths_keep_their_order(SimdLevel level, VectorMetric metric, int dimension)
    {
        float[] vectors = RandomVectors.Uniform(1000, dimension, seed: 2);
        for (int row = 0; row < 1000; row++)
        {
            float scale = MathF.Pow(10, row % 13 - 6);
            foreach (ref float value in vectors.AsSpan(row * dimension, dimension))
            {
                value *= row == 500 ? 0 : scale;
            }
        }

        RequireSame(vectors, dimension, metric, level);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Rows_of_NaN_and_infinity_are_compared_exactly(SimdLevel level, VectorMetric metric, int dimension)
    {
        float[] vectors = RandomVectors.Uniform(1000, dimension, seed: 3);
        (vectors[5 * dimension], vectors[7 * dimension + 1], vectors[9 * dimension + 2], vectors[11 * dimension]) =
            (float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue);
        vectors.AsSpan(13 * dimension, dimension).Fill(1e-42f);
        RequireSame(vectors, dimension, metric, level);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Numbers_at_both_ends_of_single_precision_are_ordered_correctly(SimdLevel level, VectorMetric metric, int dimension)
    {
        foreach ((float row, float query) in new[] { (1e-20f, 1e-20f), (1e-30f, 1e-12f), (1e19f, 5e18f), (1e-38f, 1), (1e12f, 1e-25f) })
        {
            float[] vectors = Scaled(RandomVectors.Uniform(1000, dimension, seed: 9), row);
            RequireSame(vectors, dimension, metric, level, Scaled(RandomVectors.Uniform(10, dimension, seed: 10), query));
        }
    }

    private static float[] Scaled(float[] values, float scale) => Array.ConvertAll(values, value => value * scale);

    private static void RequireSame(float[] vectors, int dimension, VectorMetric metric, SimdLevel level)
    {
        float[] queries = RandomVectors.Clustered(30, dimension, centres: 7, seed: 8);
        queries.AsSpan(0, dimension).Clear();
        vectors.AsSpan(0, dimension).CopyTo(queries.AsSpan(dimension));
        RequireSame(vectors, dimension, metric, level, queries);
    }

    private static void RequireSame(float[] vectors, int dimension, VectorMetric metric, SimdLevel level, float[] queries)
    {
        var index = new FlatIndex(vectors, dimension, metric, VectorKernels.For(level));
        RowFilter filter = RowSets.WithoutEveryThird(index.Count);
        for (int q = 0; q < queries.Length / dimension; q++)
        {
            ReadOnlySpan<float> query = queries.AsSpan(q * dimension, dimension);
            var expected = new Candidate[index.Count];
            var best = new TopK(expected);
            for (int row = 0; row < index.Count; row++)
            {
                if (filter.Admits(row))
                {
                    best.Offer(row, VectorKernels.For(level).Score(metric, query, vectors.AsSpan(row * dimension, dimension)));
                }
            }

            best.SortBestFirst(metric);

            var found = new Candidate[K];
            Assert.Equal(K, index.Search(query, filter, found));
            Assert.Equal(expected[..K], found);
        }
    }
}

public sealed class ExtendedIndexTests
{
    [Theory]
    [InlineData(VectorMetric.InnerProduct, new[] { 4, 1, 3 })] // scores 0, 8, -1, 2, 9
    [InlineData(VectorMetric.L2, new[] { 0, 3, 2 })] // squared distances from 1: 1, 49, 4, 1, 64
    public void Added_rows_compete_with_those_that_were_there(VectorMetric metric, int[] expected)
    {
        var first = new FlatIndex(new float[] { 0, 8, -1 }, dimension: 1, metric);
        ExtendedIndex index = ExtendedIndex.Add(ExtendedIndex.Add(first, new float[] { 2 }), new float[] { 9 });
        Assert.Equal((5, 3), (index.Count, first.Count));
        var found = new Candidate[3];
        Assert.Equal(3, index.Search([1], RowFilter.None, found));
        Assert.Equal(expected, found.Select(candidate => candidate.Row));
    }

    [Fact]
    public void The_filter_reaches_added_rows()
    {
        ExtendedIndex index = ExtendedIndex.Add(new FlatIndex(new float[70], dimension: 1), new float[] { 5, 6, 7 });
        var found = new Candidate[4];
        Assert.Equal(2, index.Search([1], new RowFilter(RowSets.Of(73, 72, 0), RowSets.Of(73, 72, 71, 69, 0)), found));
        Assert.Equal([new(71, 6), new(69, 0)], found[..2]);
        Assert.Throws<ArgumentException>(() => index.Search([1], new RowFilter(new RowSet(70)), found));
    }

    [Fact]
    public void A_long_list_of_results_needs_no_stack()
    {
        ExtendedIndex index = ExtendedIndex.Add(new FlatIndex(Enumerable.Range(0, 1000).Select(i => (float)i).ToArray(), dimension: 1), new float[] { 500.5f });
        var found = new Candidate[1001];
        Assert.Equal(1001, index.Search([1], RowFilter.None, found));
        Assert.Equal(1000, found[499].Row);
    }
}
