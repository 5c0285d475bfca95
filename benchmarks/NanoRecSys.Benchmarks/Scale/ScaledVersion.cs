using NanoRecSys.Benchmarks.Generate;
using NanoRecSys.Benchmarks.Ranker;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;
using TorchSharp;

namespace NanoRecSys.Benchmarks.Scale;

/// <summary>The whole chain but for the training: real data steps, real exporters, seeded random weights.</summary>
internal static class ScaledVersion
{
    private const string Dataset = "scale";
    private static readonly int[] Hidden = [512, 256, 128];

    public static async Task<PublishSummary> PublishAsync(ScaleOptions options, StandardErrorProgress progress, CancellationToken cancellation)
    {
        string data = options.Data ?? Generate(options, progress, cancellation);
        var workspace = new Workspace(new ArtifactStore(Path.GetFullPath(options.Artifacts)), Dataset);
        StepContext context = new(workspace, options.Seed, progress, cancellation);
        progress.Step = "prepare";
        await PrepareStep.RunAsync(new PrepareOptions { Data = data }, context);
        PreparedData prepared = await PreparedData.LoadAsync(workspace.DataFolder, cancellation);
        WriteRandomNetworks(options, workspace, prepared.Catalog);
        progress.Step = "export";
        await ExportStep.RunAsync(new ExportOptions(), context);
        progress.Step = "index";
        await IndexStep.RunAsync(new IndexOptions(), context);
        progress.Step = "publish";
        return await PublishStep.RunAsync(new PublishOptions { Ranker = RankerUse.Always, UserEmbeddings = options.UserEmbeddings }, context);
    }

    private static string Generate(ScaleOptions options, StandardErrorProgress progress, CancellationToken cancellation)
    {
        progress.Step = "generate";
        string folder = Path.Combine(options.Artifacts, "generated");
        GeneratedData.Write(
            new GenerateOptions(folder, options.Users, options.Items, options.Ratings, options.Seed),
            written => progress.Report(new StepProgress { Fraction = (double)written / options.Ratings }), cancellation);
        return folder;
    }

    private static void WriteRandomNetworks(ScaleOptions options, Workspace workspace, Core.Data.Catalog catalog)
    {
        LibTorch.Load();
        torch.manual_seed(options.Seed);
        using (var tower = new UserTower(options.Model(catalog.Count)))
        {
            RetrieverFiles.Write(workspace.RetrieverFolder, tower);
        }

        // As many genres as RandomRanker has; of a smaller catalog some have no item.
        string[] genres = [.. catalog.Items.SelectMany(item => item.Genres).Distinct().Order(StringComparer.Ordinal).Take(RandomRanker.Genres)];
        genres = [.. genres, .. Enumerable.Range(genres.Length, RandomRanker.Genres - genres.Length).Select(i => $"(genre {i})")];
        RankerFiles.Write(
            workspace.RankerFolder, new RankerModel(options.Dimension, Hidden, genres, Dropout: 0, RetrieverWeight: 1) { RetrieverSha256 = TrainedWeights.HashOf(workspace.RetrieverFolder) },
            RandomRanker.Create(options.Dimension, Hidden, new Random(options.Seed)).Values);
    }
}
