using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Indexing.Ann;

namespace NanoRecSys.UnitTests.Training.Indexing;

public sealed class AnnBenchmarkTests : FolderTests
{
    [Fact]
    public async Task Every_index_of_the_grid_is_measured_and_reported()
    {
        AnnReport report = await RunAsync(32, new AnnOptions { Output = Folder.File("ann"), Queries = 5, WithFaiss = false });

        // 1,200 rows are too few for 512 lists; codes of 64 bytes do not divide 32 dimensions.
        Assert.Equal(["Flat", "IVF256,Flat", "IVF256,SQ8", "IVF256,PQ32", "HNSW32,Flat"], report.Measurements.Select(m => m.Index).Distinct());
        Assert.All(report.Measurements, m => Assert.True(m is { Engine: "managed", Ms: > 0, MemoryMb: > 0, RecallAt10: > 0 and <= 1 }));
        Assert.Equal(1, report.Measurements[0].RecallAt100);
        Assert.Equal([1, 2, 4, 8, 16, 32, 64, 128], report.Measurements.Where(m => m.Index == "IVF256,Flat").Select(m => m.Width));
        Assert.Equal(["ann.csv", "ann.json", "ann.md", AnnPlot.FileName], Directory.EnumerateFiles(Folder.File("ann")).Select(Path.GetFileName).Order());
        Assert.Equal(1 + report.Measurements.Count, File.ReadLines(Folder.File("ann/ann.csv")).Count());
    }

    [Fact]
    public async Task The_grid_for_many_rows_divides_any_vector_into_equal_parts()
    {
        Assert.Equal([25, 30, 32, 32, 13], new[] { 100, 60, 64, 256, 13 }.Select(dimension =>
            AnnGrid.Of(AnnOptions.Scale, dimension).Single(entry => entry.Shape.Kind == IndexKinds.IvfProduct).Shape.Parts));

        AnnReport report = await RunAsync(20, new AnnOptions { Output = Folder.File("ann"), Grid = AnnOptions.Scale, Queries = 2000, WithFaiss = false });
        Assert.Equal(["Flat", "HNSW32,Flat"], report.Measurements.Select(m => m.Index).Distinct());
        Assert.Equal(1200, report.Queries); // a query is a row with noise, so there are no more than rows
    }

    [Fact]
    public async Task A_value_that_is_not_a_number_is_named()
    {
        string vectors = Folder.File("vectors.npy");
        float[] values = RandomVectors.Clustered(1200, 32, centres: 30, seed: 1);
        values[7 * 32 + 3] = float.NaN;
        NpyFile.Write(vectors, values, 32);

        await Assert.RefusedAsync(() => AnnBenchmarkStep.RunAsync(new AnnOptions { Vectors = vectors, Output = Folder.Path }, StepContexts.In(Folder.Path, "ann")), $"Row 7 of {vectors} ");
    }

    [Fact]
    public async Task Kinds_that_are_not_requested_are_not_built()
    {
        AnnReport report = await RunAsync(32, new AnnOptions { Output = Folder.File("ann"), Queries = 5, WithFaiss = false, Kinds = [IndexKinds.IvfProduct] });

        Assert.Equal(["IVF256,PQ32"], report.Measurements.Select(m => m.Index).Distinct());
    }

    [Fact]
    public async Task Missing_vectors_are_an_error_with_the_remedy()
    {
        await Assert.RefusedAsync(() => AnnBenchmarkStep.RunAsync(new AnnOptions { Output = Folder.Path }, StepContexts.In(Folder.Path, "ann")), "Run 'export' first");
    }

    /// <summary>Measures 1,200 random vectors.</summary>
    private Task<AnnReport> RunAsync(int dimension, AnnOptions options)
    {
        string vectors = Folder.File("vectors.npy");
        NpyFile.Write(vectors, RandomVectors.Clustered(1200, dimension, centres: 30, seed: 1), dimension);
        return AnnBenchmarkStep.RunAsync(options with { Vectors = vectors }, StepContexts.In(Folder.Path, "ann"));
    }
}
