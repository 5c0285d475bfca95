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
