using NanoRecSys.Training.Indexing;

namespace NanoRecSys.UnitTests.Training.Indexing;

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
        (ReadOnlyMemory<float> made, int columns) = NpyFile.Map(path);
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
