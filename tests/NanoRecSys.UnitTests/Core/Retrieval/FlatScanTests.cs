using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

/// <summary>The pass over bytes must not change the results, on any instruction set.</summary>
public sealed class FlatScanTests
{
    private const int K = 20;

    public static TheoryData<SimdLevel, VectorMetric, int> Paths()
    {
        var data = new TheoryData<SimdLevel, VectorMetric, int>();
        foreach (SimdLevel level in VectorKernels.Supported)
        {
            foreach (VectorMetric metric in Enum.GetValues<VectorMetric>())
            {
                data.Add(level, metric, 64);
                data.Add(level, metric, 37); // odd: half of the last pair is empty
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Rows_and_scores_are_those_of_comparing_all_in_fp32(SimdLevel level, VectorMetric metric, int dimension)
    {
        float[] vectors = RandomVectors.Clustered(2037, dimension, centres: 40, seed: 1);
        vectors.AsSpan(0, 50 * dimension).CopyTo(vectors.AsSpan(900 * dimension)); // equal rows must keep their order
        RequireSame(new FlatIndex(vectors, dimension, metric, VectorKernels.For(level)), vectors, metric, level);
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

        RequireSame(new FlatIndex(vectors, dimension, metric, VectorKernels.For(level)), vectors, metric, level);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Rows_of_NaN_and_infinity_are_compared_exactly(SimdLevel level, VectorMetric metric, int dimension)
    {
        float[] vectors = RandomVectors.Uniform(1000, dimension, seed: 3);
        (vectors[5 * dimension], vectors[7 * dimension + 1], vectors[9 * dimension + 2], vectors[11 * dimension]) =
            (float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue);
        vectors.AsSpan(13 * dimension, dimension).Fill(1e-42f);
        RequireSame(new FlatIndex(vectors, dimension, metric, VectorKernels.For(level)), vectors, metric, level);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Numbers_at_both_ends_of_single_precision_are_ordered_correctly(SimdLevel level, VectorMetric metric, int dimension)
    {
        foreach ((float row, float query) in new[] { (1e-20f, 1e-20f), (1e-30f, 1e-12f), (1e19f, 5e18f), (1e-38f, 1), (1e12f, 1e-25f) })
        {
            float[] vectors = Scaled(RandomVectors.Uniform(1000, dimension, seed: 9), row);
            RequireSame(new FlatIndex(vectors, dimension, metric, VectorKernels.For(level)), vectors, metric, level, Scaled(RandomVectors.Uniform(10, dimension, seed: 10), query));
        }
    }

    [Fact]
    public void Threads_and_batches_find_what_one_query_on_one_thread_finds()
    {
        float[] vectors = RandomVectors.Clustered(5000, 32, centres: 50, seed: 4);
        float[] queries = RandomVectors.Clustered(9, 32, centres: 9, seed: 5);
        foreach (VectorMetric metric in Enum.GetValues<VectorMetric>())
        {
            var index = new FlatIndex(vectors, 32, metric);
            RowFilter filter = RowSets.WithoutEveryThird(5000);
            var batch = new Candidate[9 * K];
            var found = new int[9];
            index.SearchBatch(queries, filter, K, batch, found);
            for (int q = 0; q < 9; q++)
            {
                var one = new Candidate[K];
                var split = new Candidate[K];
                Assert.Equal(K, index.Search(queries.AsSpan(q * 32, 32), filter, one));
                Assert.Equal(K, index.Search(queries.AsSpan(q * 32, 32), filter, split, threads: 3));
                Assert.Equal(one, split);
                Assert.Equal(one, batch[(q * K)..((q + 1) * K)]);
                Assert.Equal(K, found[q]);
            }
        }
    }

    [Fact]
    public void A_search_allocates_nothing()
    {
        var index = new FlatIndex(RandomVectors.Uniform(5000, 32, seed: 6), 32);
        var query = new float[32];
        query[3] = 1;
        var found = new Candidate[K];
        index.Search(query, RowFilter.None, found);
        long before = GC.GetAllocatedBytesForCurrentThread();
        index.Search(query, RowFilter.None, found);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static float[] Scaled(float[] values, float scale) => Array.ConvertAll(values, value => value * scale);

    private static void RequireSame(FlatIndex index, float[] vectors, VectorMetric metric, SimdLevel level)
    {
        float[] queries = RandomVectors.Clustered(30, index.Dimension, centres: 7, seed: 8);
        queries.AsSpan(0, index.Dimension).Clear();
        vectors.AsSpan(0, index.Dimension).CopyTo(queries.AsSpan(index.Dimension));
        RequireSame(index, vectors, metric, level, queries);
    }

    private static void RequireSame(FlatIndex index, float[] vectors, VectorMetric metric, SimdLevel level, float[] queries)
    {
        RowFilter filter = RowSets.WithoutEveryThird(index.Count);
        for (int q = 0; q < queries.Length / index.Dimension; q++)
        {
            ReadOnlySpan<float> query = queries.AsSpan(q * index.Dimension, index.Dimension);
            var expected = new Candidate[index.Count];
            var best = new TopK(expected);
            for (int row = 0; row < index.Count; row++)
            {
                if (filter.Admits(row))
                {
                    best.Offer(row, VectorKernels.For(level).Score(metric, query, vectors.AsSpan(row * index.Dimension, index.Dimension)));
                }
            }

            best.SortBestFirst();
            TopK.ToScores(metric, expected);

            var found = new Candidate[K];
            Assert.Equal(K, index.Search(query, filter, found));
            Assert.Equal(expected[..K], found);
        }
    }
}
