using NanoRecSys.Benchmarks.Generate;
using NanoRecSys.Core.Features;
using NanoRecSys.Training.Ranking;
using TorchSharp;

namespace NanoRecSys.Benchmarks.Scale;

/// <summary>
/// The command <c>scale</c>: publishes a version of any size without hours of training; its serving cost does not depend
/// on its weights.
/// </summary>
internal static class ScaleCommand
{
    public static Command Create()
    {
        Option<string> output = new("--artifacts") { Description = "Artifacts folder to publish to.", Required = true };
        Option<string?> data = new("--data") { Description = "Folder in MovieLens format; default: generated next to the artifacts." };
        Option<int> users = new("--users") { Description = "Users in the generated data.", DefaultValueFactory = _ => 138_493 };
        Option<int> items = new("--items") { Description = "Items in the generated data.", DefaultValueFactory = _ => 26_744 };
        Option<int> ratings = new("--ratings") { Description = "Ratings in the generated data.", DefaultValueFactory = _ => 20_000_263 };
        Option<int> dimension = new("--dimension") { Description = "Width of the embeddings.", DefaultValueFactory = _ => 256 };
        Option<int> blocks = new("--blocks") { Description = "Blocks of the user tower.", DefaultValueFactory = _ => 4 };
        Option<int> heads = new("--heads") { Description = "Attention heads.", DefaultValueFactory = _ => 8 };
        Option<int> hidden = new("--feed-forward") { Description = "Hidden width of SwiGLU.", DefaultValueFactory = _ => 1024 };
        Option<string> embeddings = new("--user-embeddings") { Description = "Precompute user embeddings: all (minutes) or none.", DefaultValueFactory = _ => "all" };
        embeddings.AcceptOnlyFromAmong("all", "none");
        Option<int> seed = new("--seed") { Description = "Seed of data and weights.", DefaultValueFactory = _ => 1 };
        Command command = new("scale", "Publish a version with random weights; default: nanoRecSys' sizes on ML-20M.")
        {
            output, data, users, items, ratings, dimension, blocks, heads, hidden, embeddings, seed,
        };
        command.SetAction((parsed, cancellation) => RunAsync(
            new ScaleOptions(
                parsed.GetRequiredValue(output), parsed.GetValue(data), parsed.GetValue(users), parsed.GetValue(items), parsed.GetValue(ratings),
                parsed.GetValue(dimension), parsed.GetValue(blocks), parsed.GetValue(heads), parsed.GetValue(hidden),
                parsed.GetValue(embeddings) == "all", parsed.GetValue(seed)),
            parsed.GetValue(JsonLine.Option), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ScaleOptions options, bool json, CancellationToken cancellation)
    {
        Stopwatch clock = Stopwatch.StartNew();
        PublishSummary published;
        try
        {
            published = await ScaledVersion.PublishAsync(options, new StandardErrorProgress(), cancellation);
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException or InvalidDataException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }

        AnsiConsole.Write(new Table().AddColumns("figure", "value")
            .AddRow("version", published.Version)
            .AddRow("megabytes", $"{published.Bytes / 1e6:N1}")
            .AddRow("seconds", $"{clock.Elapsed.TotalSeconds:N0}"));
        JsonLine.Write(json, new { version = published.Version, folder = published.Folder, bytes = published.Bytes, seconds = clock.Elapsed.TotalSeconds });

        return 0;
    }
}

/// <param name="Data">A MovieLens-format folder; null generates one.</param>
/// <param name="Heads">D is a multiple of it.</param>
/// <param name="UserEmbeddings">Whether to precompute all users' embeddings.</param>
internal sealed record ScaleOptions(
    string Artifacts, string? Data, int Users, int Items, int Ratings, int Dimension, int Blocks, int Heads, int FeedForward, bool UserEmbeddings, int Seed)
{
    private const int MaxLength = 200;

    public ModelInfo Model(int items) => new(
        BlockKinds.Transformer, Dimension, Blocks, Heads, FeedForward, MaxLength, items, RopeBase: 500, Dropout: 0, "full-softmax", 0.05);
}

/// <summary>The whole pipeline except training: real data steps, real exporters, seeded random weights.</summary>
internal static class ScaledVersion
{
    private const string Dataset = "scale";
    private static readonly int[] Hidden = [512, 256, 128];

    public static async Task<PublishSummary> PublishAsync(ScaleOptions options, StandardErrorProgress progress, CancellationToken cancellation)
    {
        string data = options.Data ?? Generate(options, progress, cancellation);
        var workspace = new Workspace(new ArtifactStore(options.Artifacts), Dataset);
        StepContext context = new(workspace, options.Seed, progress, cancellation);
        progress.Step = "prepare";
        await PrepareStep.RunAsync(new PrepareOptions { Data = data }, context);
        PreparedData prepared = await PreparedData.LoadAsync(workspace.DataFolder, cancellation);
        WriteRandomNetworks(options, workspace, prepared);
        progress.Step = "export";
        await ExportStep.RunAsync(new ExportOptions(), context);
        progress.Step = "index";
        await IndexStep.RunAsync(new IndexOptions(), context);
        progress.Step = "publish";
        return await PublishStep.RunAsync(new PublishOptions { Force = true, Ranker = RankerUse.Always, UserEmbeddings = options.UserEmbeddings }, context);
    }

    private static string Generate(ScaleOptions options, StandardErrorProgress progress, CancellationToken cancellation)
    {
        progress.Step = "generate";
        string folder = Path.Combine(options.Artifacts, "generated");
        GeneratedData.Write(
            new GenerateOptions(folder, options.Users, options.Items, options.Ratings, options.Seed),
            written => progress.Report(new ProgressEvent { Fraction = (double)written / options.Ratings }), cancellation);
        return folder;
    }

    private static void WriteRandomNetworks(ScaleOptions options, Workspace workspace, PreparedData data)
    {
        LibTorch.Load();
        torch.manual_seed(options.Seed);
        Core.Data.Catalog catalog = data.Catalog;
        using (var tower = new UserTower(options.Model(catalog.Count)))
        {
            ModelFolder.WriteRetriever(workspace.RetrieverFolder, tower, data.Hash);
        }

        var ranker = new RankerModel(
            options.Dimension, Hidden, new ItemLayout(ItemLayout.CategoryNames(catalog), [NumberLayout.Year]), Dropout: 0, RetrieverWeight: 1)
        {
            RetrieverSha256 = ModelFolder.HashOf(workspace.RetrieverFolder),
        };
        ModelFolder.Ranker.Write(workspace.RankerFolder, ranker, RandomWeights(ranker, new Random(options.Seed)), data.Hash);
    }

    // He et al.'s initialization for a layer before ReLU, so that the logits differ enough for 8 bits.
    private static NamedTensor[] RandomWeights(RankerModel model, Random random)
    {
        using var network = new RankerNetwork(model);
        return [.. NetworkWeights.Of(network).Select(tensor => tensor.Shape is [_, var columns]
            ? tensor with { Values = Array.ConvertAll(tensor.Values, _ => (float)((random.NextDouble() * 2 - 1) * Math.Sqrt(6.0 / columns))) }
            : tensor)];
    }
}

/// <summary>Occasional lines on standard error, since standard output is for the table and the JSON.</summary>
internal sealed class StandardErrorProgress : IProgress<ProgressEvent>
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private DateTime _next;

    public string Step { get; set; } = ""; // name of the reporting step

    public void Report(ProgressEvent value)
    {
        if (DateTime.UtcNow < _next)
        {
            return;
        }

        _next = DateTime.UtcNow + Pause;
        Console.Error.WriteLine($"{Step}: {value.Fraction:P0} {value.Message}");
    }
}
