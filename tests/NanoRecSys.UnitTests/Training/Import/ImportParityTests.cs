using System.Diagnostics;
using System.IO.Compression;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Training.Import;
using NanoRecSys.Training.Ranking;
using TorchSharp;

namespace NanoRecSys.UnitTests.Training.Import;

/// <summary>Compares imported networks and their exports with PyTorch on the same files.</summary>
public sealed class ImportParityTests : FolderTests
{
    private const int Dimension = 64;
    private const int Candidates = 100;
    private readonly StepContext _context;

    public ImportParityTests() => _context = StepContexts.In(Folder.Path, "reference");

    [Theory]
    [InlineData("pth")]
    [InlineData("safetensors")]
    public async Task The_imported_user_tower_and_its_export_give_PyTorchs_embeddings_and_best_items(string format)
    {
        var reference = ReferenceTower.Load();
        await ImportAsync(format, withRanker: false);
        await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5 }, _context);

        TimedHistory[] histories = [.. reference.Histories];
        using RetrieverNetwork tower = ModelFolder.ReadRetriever(_context.Workspace.RetrieverFolder, data: null);
        using var encoder = new UserEncoder(tower);
        using torch.Tensor users = encoder.Encode(histories);
        using var exported = new OnnxUserTower(Path.Combine(_context.Workspace.ExportFolder, ArtifactNames.UserTower), tower.Model);
        (float[] items, _) = NpyFile.Read(Path.Combine(_context.Workspace.ExportFolder, ArtifactNames.ItemEmbeddings));

        Assert.InRange(Parity.MaxAbsDifference(users.data<float>().ToArray(), reference.Expected), 0, 1e-5);
        Assert.InRange(Parity.MaxAbsDifference(exported.Encode(histories), reference.Expected), 0, 1e-5);
        Assert.InRange(Parity.MaxAbsDifference(items, NpyFile.Read(RepositoryFolder.Shared("parity", "model", "item_embeddings.npy")).Values), 0, 1e-6);
        Assert.Equal(reference.TopTen, BestItems(encoder.Score(users)));
    }

    [Theory]
    [InlineData("pth")]
    [InlineData("safetensors")]
    public async Task The_imported_ranker_and_its_export_give_PyTorchs_logits(string format)
    {
        using ZipArchive reference = ZipFile.OpenRead(RepositoryFolder.Shared("parity", "model", "ranker_case.npz"));
        await ImportAsync(format, withRanker: true);
        await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5 }, _context);

        (float[] table, _) = NpyFile.Read(RepositoryFolder.Shared("parity", "model", "item_embeddings.npy"));
        float[] items = [.. NpzArray.Read<long>(reference, "items").SelectMany(row => table[(int)(row * Dimension)..(int)((row + 1) * Dimension)])];
        float[] user = NpzArray.Read<float>(reference, "user");
        var candidates = new RankerItems(
            items, NpzArray.Read<float>(reference, "popularity"), [NpzArray.Read<long>(reference, "years")],
            NpzArray.Read<float>(reference, "genres"), NpzArray.Read<float>(reference, "unknown"));
        using DisposeScope scope = torch.NewDisposeScope();
        var inputs = new RankerInputs(
            torch.tensor(user, [1, Dimension]), torch.tensor(items, [Candidates, Dimension]), torch.tensor(candidates.Popularity, [Candidates, 1]),
            torch.tensor(candidates.Numbers[0], [Candidates, 1]), torch.tensor(candidates.Categories, [Candidates, 21]), torch.tensor(candidates.Unknown, [Candidates, 1]));
        using RankerNetwork ranker = ModelFolder.ReadRanker(_context.Workspace.RankerFolder, data: null);
        using InferenceSession exported = OnnxSession.Open(Path.Combine(_context.Workspace.ExportFolder, ArtifactNames.Ranker));

        float[] expected = NpzArray.Read<float>(reference, "expected_logits");
        Assert.True(expected.Max() - expected.Min() > 0.1, "logits that hardly differ would prove nothing");
        Assert.InRange(Parity.MaxAbsDifference(ranker.forward(inputs).data<float>().ToArray(), expected), 0, 1e-4);
        Assert.InRange(Parity.MaxAbsDifference(OnnxRanker.ScoreWhole(exported, user, candidates, []), expected), 0, 1e-4);
    }

    private Task<ImportSummary> ImportAsync(string format, bool withRanker)
    {
        LibTorch.Load();
        return ImportStep.RunAsync(
            new ImportOptions
            {
                UserTower = RepositoryFolder.Shared("parity", "model", $"user_tower.{format}"),
                Ranker = withRanker ? RepositoryFolder.Shared("parity", "model", $"ranker.{format}") : null,
                MaxLength = 50,
            }, _context);
    }

    private static int[][] BestItems(torch.Tensor scores)
    {
        using torch.Tensor owned = scores;
        (torch.Tensor values, torch.Tensor rows) = owned.topk(10);
        using (values)
        using (rows)
        {
            return [.. rows.data<long>().ToArray().Select(row => (int)row).Chunk(10)];
        }
    }
}

/// <summary>A small user tower with random weights and another implementation's results for 50 histories.</summary>
internal sealed record ReferenceTower(
    ModelInfo Model, IReadOnlyDictionary<string, NamedTensor> Weights, int[][] Histories, int[][] TopTen, float[] Expected)
{
    public static ReferenceTower Load()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(RepositoryFolder.Shared("parity", "model", "case.json")));
        JsonElement config = document.RootElement.GetProperty("config");
        var model = new ModelInfo(
            "transformer", config.GetProperty("dim").GetInt32(), config.GetProperty("blocks").GetInt32(),
            config.GetProperty("heads").GetInt32(), config.GetProperty("ffn").GetInt32(), config.GetProperty("max_length").GetInt32(),
            config.GetProperty("items").GetInt32(), config.GetProperty("rope_base").GetDouble(), 0, "full-softmax", 0.05);
        return new ReferenceTower(
            model,
            SafetensorsFile.Read(RepositoryFolder.Shared("parity", "model", "user_tower.safetensors")),
            Rows(document.RootElement.GetProperty("histories")),
            Rows(document.RootElement.GetProperty("top10_items")),
            NpyFile.Read(RepositoryFolder.Shared("parity", "model", "expected_user_embeddings.npy")).Values);
    }

    private static int[][] Rows(JsonElement rows) =>
        [.. rows.EnumerateArray().Select(row => row.EnumerateArray().Select(item => item.GetInt32()).ToArray())];
}

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
