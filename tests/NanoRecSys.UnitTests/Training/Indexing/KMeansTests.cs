using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Indexing;

namespace NanoRecSys.UnitTests.Training.Indexing;

public sealed class KMeansTests
{
    // Two groups on a line, around 0 and around 10.
    private static readonly float[] TwoGroups = [0, 1, -1, 10, 11, 9];

    [Fact]
    public void Centroids_are_the_means_of_their_rows()
    {
        float[] centroids = KMeans.Train(TwoGroups, dimension: 1, clusters: 2, VectorMetric.L2, iterations: 20, new BuildControl(Seed: 1, Threads: 1));
        Assert.Equal([0, 10], centroids.Order());
        Assert.Equal([0, 0, 0, 1, 1, 1], KMeans.Assign(TwoGroups, [0, 10], dimension: 1, VectorMetric.L2, new BuildControl(1, 1)));
    }

    [Fact]
    public void By_inner_product_centroids_have_length_one()
    {
        float[] centroids = KMeans.Train(new float[] { 3, 4, 6, 8, -3, 4, -6, 8 }, dimension: 2, clusters: 2, VectorMetric.InnerProduct, iterations: 20, new BuildControl(3, 1));
        Assert.Equal([-0.6f, 0.6f], new[] { centroids[0], centroids[2] }.Order(), (a, b) => Math.Abs(a - b) < 1e-6f);
        Assert.Equal(0.8f, centroids[1], 1e-6f);
    }

    [Fact]
    public void An_empty_centroid_splits_the_largest_cluster()
    {
        // Most of the 40 rows are equal: several centroids start there, and all but one of those get no rows.
        float[] rows = [.. Enumerable.Repeat(5f, 30), .. Enumerable.Range(0, 10).Select(i => 100f + i)];
        float[] centroids = KMeans.Train(rows, dimension: 1, clusters: 4, VectorMetric.L2, iterations: 30, new BuildControl(Seed: 2, Threads: 1));
        Assert.All(centroids, centroid => Assert.InRange(centroid, 4.9f, 109));
        Assert.Contains(centroids, centroid => centroid >= 100);
    }

    [Fact]
    public void Each_row_of_a_sample_is_drawn_once_and_in_order()
    {
        int[] sample = RowSample.Draw(rows: 1000, count: 100, seed: 4);
        Assert.Equal(100, sample.Distinct().Count());
        Assert.Equal(sample.Order(), sample);
        Assert.Equal([0, 1, 2], RowSample.Draw(3, 5, 4));
    }
}

public sealed class EmbeddingExpansionTests : FolderTests
{
    [Fact]
    public void Moments_are_those_of_each_dimension()
    {
        (float[] mean, float[] deviation) = EmbeddingExpansion.Moments([1, 10, 3, 10], dimension: 2);
        Assert.Equal([2, 10], mean);
        Assert.Equal([1, 0], deviation);
    }

    [Fact]
    public void Mean_and_variance_are_preserved_and_no_row_is_a_copy()
    {
        float[] source = RandomVectors.Clustered(300, 6, centres: 5, seed: 3);
        string path = Folder.File("many.npy");
        EmbeddingExpansion.Write(source, dimension: 6, rows: 20_001, path, new BuildControl(Seed: 1, Threads: 1));
        (ReadOnlyMemory<float> made, int columns, _) = NpyFile.Map(path);
        Assert.Equal((6, 20_001 * 6), (columns, made.Length));
        (float[] mean, float[] deviation) = EmbeddingExpansion.Moments(source, 6);
        (float[] madeMean, float[] madeDeviation) = EmbeddingExpansion.Moments(made.Span, 6);
        for (int d = 0; d < 6; d++)
        {
            Assert.InRange(Math.Abs(madeMean[d] - mean[d]), 0, 0.03f * deviation[d]); // 4 standard errors of 20,001 rows
            Assert.InRange(madeDeviation[d] / deviation[d], 0.97f, 1.03f);
        }

        Assert.InRange(Enumerable.Range(0, 20_001).Select(row => made.Span[row * 6]).Distinct().Count(), 19_900, 20_001);
    }

    [Fact]
    public void The_same_seed_makes_the_same_file()
    {
        byte[][] files = [.. new[] { 1, 1, 2 }.Select(seed =>
        {
            string path = Folder.File("made.npy");
            EmbeddingExpansion.Write(new float[] { 1, 2, 3, 5 }, dimension: 2, rows: 9, path, new BuildControl(seed, Threads: 1));
            return File.ReadAllBytes(path);
        })];
        Assert.Equal(files[0], files[1]);
        Assert.NotEqual(files[0], files[2]);
    }
}
