using System.Diagnostics;
using NanoRecSys.Training.Import;

namespace NanoRecSys.UnitTests.Training.Import;

/// <summary>A network of the size that the reference trains on MovieLens 20M: 11 million parameters.</summary>
public sealed class ReferenceSizeTests(ITestOutputHelper output) : FolderTests
{
    private static readonly ModelInfo Reference = new("transformer", 256, 4, 8, 1024, 200, 26_744, 500, 0, "imported", 0.05);

    [Theory]
    [InlineData("pth")]
    [InlineData("safetensors")]
    public async Task It_is_imported_in_seconds_and_in_little_more_memory_than_its_files(string format)
    {
        IReadOnlyDictionary<string, NamedTensor> weights = RandomWeights.Tower(Reference).Weights;
        string path = Folder.File($"tower.{format}");
        if (format == "pth")
        {
            PthWriter.Write(path, weights.Values);
        }
        else
        {
            SafetensorsFile.Write(path, weights.Values);
        }

        StepContext context = StepContexts.In(Folder.File("artifacts"), "reference");
        long before = GC.GetAllocatedBytesForCurrentThread(); // without an item map nothing is awaited, so this thread allocates everything
        var watch = Stopwatch.StartNew();
        Task<ImportSummary> import = ImportStep.RunAsync(new ImportOptions { UserTower = path, Heads = 8 }, context);
        double allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        ImportSummary summary = await import;
        long size = new FileInfo(path).Length;
        output.WriteLine($"{format}: {size / 1e6:F1} MB in {watch.Elapsed.TotalSeconds:F2} s, {allocated / size:F2} bytes allocated for each");

        Assert.Equal(Reference, summary.UserTower);
        Assert.InRange(allocated, size, 4 * size);
        IReadOnlyDictionary<string, NamedTensor> imported = SafetensorsFile.Read(Path.Combine(context.Workspace.RetrieverFolder, ModelFolder.WeightsName));
        Assert.Equal(weights.Count, imported.Count);
        Assert.All(weights.Values, tensor => Assert.True(tensor.Values.AsSpan().SequenceEqual(imported[tensor.Name].Values), tensor.Name));
    }
}
