using System.Text.Json;
using System.Text.Json.Nodes;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;
using NanoRecSys.UnitTests.Fixtures;

namespace NanoRecSys.UnitTests.Training.Retrieval;

[Collection(SeededTorch.Name)]
public sealed class TrainRetrieverStepTests : IDisposable
{
    // Sixty users walk round a circle of twelve items from different starts: what comes next is certain.
    private const int Users = 60, Items = 12, Length = 8;

    private static readonly TrainRetrieverOptions Options = new()
    {
        Dimension = 16,
        Blocks = 1,
        Heads = 2,
        FeedForward = 16,
        MaxLength = 6,
        Dropout = 0.1,
        Temperature = 0.1,
        LearningRate = 0.01,
        WarmupSteps = 5,
        BatchUsers = 16,
        Epochs = 12,
        Patience = 100,
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_learns_what_comes_next_and_the_ranker_trains_behind_it()
    {
        StepContext context = await Prepare("a");

        TrainRetrieverSummary retriever = await TrainRetrieverStep.RunAsync(Options, context);
        MineNegativesSummary mined = await MineNegativesStep.RunAsync(new MineNegativesOptions { Candidates = 6, Skip = 1, Hard = 2, Random = 1 }, context);
        TrainRankerSummary ranker = await TrainRankerStep.RunAsync(
            new TrainRankerOptions { Hidden = [16, 8, 8], Epochs = 2, BatchPairs = 64, Candidates = 6 }, context);

        Assert.True(retriever.Validation["ndcg@10"] > 0.8, $"NDCG@10 {retriever.Validation["ndcg@10"]}");
        Assert.Equal((Users * (Length - 2 - 1), Users), (mined.Positions, mined.ValidationPositions));
        Assert.Equal(2, ranker.Epochs);
        Assert.True(File.Exists(Path.Combine(context.Workspace.RankerFolder, RankerFiles.WeightsName)));
        string folder = context.Workspace.RetrieverFolder;
        Assert.True(File.Exists(Path.Combine(folder, TrainingCurve.FileName)));
        using JsonDocument metrics = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, TrainingLog.MetricsName)));
        Assert.Equal(12, metrics.RootElement.GetProperty("curve").GetArrayLength());
        byte[] events = File.ReadAllBytes(Directory.GetFiles(Path.Combine(folder, TrainingLog.EventsName)).Single());
        Assert.True(events.AsSpan().IndexOf("validation/ndcg@10"u8) > 0, "TensorBoard finds no NDCG@10.");
    }

    /// <summary>Twice: with few moving parts, and with all that holds a state or draws random numbers.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    public async Task A_resumed_training_has_the_curve_and_the_weights_of_an_unbroken_one(int threads, bool hasEverything)
    {
        TrainRetrieverOptions options = Options with { Epochs = 4, ValidateEvery = 4 };
        if (hasEverything)
        {
            options = options with
            {
                Loss = threads == 1 ? RetrieverLoss.SampledSoftmax : RetrieverLoss.FullSoftmax, // with which threads have a network each
                Negatives = 5,
                LearnTemperature = threads == 1,
                IdDropout = 0.1,
                MaxLength = 4,
                Window = TrainingWindow.Random,
                Decay = LearningRateDecay.Cosine,
                GradientNorm = 1,
                WeightDecay = 0.01,
                ValidateEvery = 1,
            };
        }

        StepContext unbroken = await Prepare("unbroken") with { Threads = threads };
        TrainRetrieverSummary expected = await TrainRetrieverStep.RunAsync(options, unbroken);

        StepContext broken = await Prepare("broken") with { Threads = threads };
        await BreakOffAsync(options, broken);
        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(options with { Resume = true }, broken);

        Assert.Equal((4, expected.BestEpoch), (summary.Epochs, summary.BestEpoch));
        Assert.Equal(expected.Validation, summary.Validation);
        Assert.Equal(Weights(unbroken), Weights(broken));
        Assert.Equal(RetrieverFiles.ReadModel(unbroken.Workspace.RetrieverFolder), RetrieverFiles.ReadModel(broken.Workspace.RetrieverFolder));
        Assert.Equal(Losses(unbroken), Losses(broken));
    }

    [Fact]
    public async Task Weights_that_were_better_before_the_break_stay()
    {
        TrainRetrieverOptions options = Options with { Epochs = 4 };
        StepContext context = await Prepare("a");
        await BreakOffAsync(options, context);
        byte[] best = Weights(context);
        string path = Path.Combine(context.Workspace.RetrieverFolder, "checkpoint", "state.json");
        JsonNode state = JsonNode.Parse(File.ReadAllText(path))!;
        Assert.InRange((double)state["best_ndcg"]!, 0, 1);
        state["best_ndcg"] = 1.5; // no later epoch can have it
        File.WriteAllText(path, state.ToJsonString());

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(options with { Resume = true }, context);

        Assert.Equal((4, (int)state["best_epoch"]!), (summary.Epochs, summary.BestEpoch));
        Assert.Equal(best, Weights(context));
    }

    [Fact]
    public async Task Killed_while_one_checkpoint_took_the_others_place_it_goes_on_from_the_new_one()
    {
        StepContext context = await Prepare("a");
        await TrainRetrieverStep.RunAsync(Options with { Epochs = 2 }, context);
        string checkpoint = Path.Combine(context.Workspace.RetrieverFolder, "checkpoint");
        Directory.Move(checkpoint, checkpoint + ".new");

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(Options with { Epochs = 2, Resume = true }, context);

        Assert.Equal(2, summary.Epochs);
        Assert.True(Directory.Exists(checkpoint));
    }

    [Fact]
    public async Task In_another_precision_a_training_does_not_go_on()
    {
        StepContext context = await Prepare("a");
        await TrainRetrieverStep.RunAsync(Options with { Epochs = 1, ReducedPrecision = false }, context);
        string path = Path.Combine(context.Workspace.RetrieverFolder, "checkpoint", "state.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"is_reduced\": false", "\"is_reduced\": true", StringComparison.Ordinal));

        UserErrorException error = await Assert.ThrowsAsync<UserErrorException>(() =>
            TrainRetrieverStep.RunAsync(Options with { Epochs = 1, ReducedPrecision = false, Resume = true }, context));

        Assert.Contains("of a training in bfloat16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_step_tells_its_loss_and_how_fast_it_goes()
    {
        var reports = new Recorded();

        await TrainRetrieverStep.RunAsync(Options with { Epochs = 2 }, await Prepare("a") with { Progress = reports });

        Assert.Equal(2 * (4 + 1), reports.All.Count); // Four batches of 16 users, and the epoch.
        Assert.All(reports.All, report => Assert.True(report is { Loss: > 0, SequencesPerSecond: > 0, LearningRate: > 0 }, report.ToString()));
        Assert.Equal([5, 10], reports.All.Index().Where(report => report.Item.Metrics is not null).Select(report => report.Index + 1));
    }

    [Fact]
    public async Task Gradients_are_scaled_down_to_the_norm_that_is_asked_for()
    {
        // Far below what AdamW adds to its divisor, so that nothing moves any more.
        double free = await MovedAsync("free", gradientNorm: 0), held = await MovedAsync("held", gradientNorm: 1e-14);

        Assert.True(free > 0.01, $"{free}");
        Assert.True(held < 1e-5, $"{held}");

        async Task<double> MovedAsync(string name, double gradientNorm)
        {
            StepContext context = await Prepare(name);
            TrainRetrieverOptions options = Options with { Epochs = 1, GradientNorm = gradientNorm, LearnTemperature = true };
            await TrainRetrieverStep.RunAsync(options with { LearningRate = 1e-30 }, context);
            float[] before = Table(context);
            double temperature = RetrieverFiles.ReadModel(context.Workspace.RetrieverFolder).Temperature;
            await TrainRetrieverStep.RunAsync(options, context);
            double change = Math.Abs(RetrieverFiles.ReadModel(context.Workspace.RetrieverFolder).Temperature - temperature);
            return Table(context).Zip(before, (after, start) => Math.Abs(after - start)).Append((float)change).Max();
        }
    }

    [Fact]
    public async Task Resuming_with_other_options_is_refused()
    {
        StepContext context = await Prepare("a");
        await TrainRetrieverStep.RunAsync(Options with { Epochs = 1 }, context);

        UserErrorException error = await Assert.ThrowsAsync<UserErrorException>(() =>
            TrainRetrieverStep.RunAsync(Options with { Epochs = 1, Blocks = 2, Resume = true }, context));

        Assert.Contains("other options", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resuming_on_other_data_or_threads_is_refused()
    {
        StepContext context = await Prepare("a");
        await TrainRetrieverStep.RunAsync(Options with { Epochs = 1 }, context);

        UserErrorException threads = await Assert.ThrowsAsync<UserErrorException>(() =>
            TrainRetrieverStep.RunAsync(Options with { Epochs = 1, Resume = true }, context with { Threads = 2 }));
        await Prepare("a", length: Length + 1);
        UserErrorException data = await Assert.ThrowsAsync<UserErrorException>(() =>
            TrainRetrieverStep.RunAsync(Options with { Epochs = 1, Resume = true }, context));

        Assert.Contains("--threads 1", threads.Message, StringComparison.Ordinal);
        Assert.Contains("other data", data.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Histories_too_short_to_train_on_are_an_error()
    {
        StepContext context = await Prepare("a", length: 3);

        UserErrorException error = await Assert.ThrowsAsync<UserErrorException>(() => TrainRetrieverStep.RunAsync(Options, context));

        Assert.Contains("a history must have four", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_loss_that_is_no_number_ends_the_training_with_its_reason()
    {
        StepContext context = await Prepare("a");

        UserErrorException error = await Assert.ThrowsAsync<UserErrorException>(() => TrainRetrieverStep.RunAsync(Options with { LearningRate = 1e30 }, context));

        Assert.Contains("no number any more in epoch", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RetrieverLoss.InfoNce)]
    [InlineData(RetrieverLoss.Dcl)]
    [InlineData(RetrieverLoss.SampledSoftmax)]
    public async Task Every_other_loss_learns_what_comes_next_on_two_threads_too(RetrieverLoss loss)
    {
        StepContext context = (await Prepare("a")) with { Threads = 2 };

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(
            Options with { Loss = loss, Negatives = 30, LearnTemperature = true, GradientNorm = 1, IdDropout = 0.05, Window = TrainingWindow.Random }, context);

        Assert.True(summary.Validation["ndcg@10"] > 0.6, $"NDCG@10 {summary.Validation["ndcg@10"]}");
        Assert.NotEqual(Options.Temperature, RetrieverFiles.ReadModel(context.Workspace.RetrieverFolder).Temperature); // as it was learned
    }

    [Fact]
    public async Task Without_a_better_epoch_it_ends_and_the_best_weights_stay()
    {
        StepContext context = await Prepare("a");

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(Options with { Epochs = 200, Patience = 3 }, context);

        Assert.Equal(summary.BestEpoch + 3, summary.Epochs);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using UserTower kept = RetrieverFiles.Read(context.Workspace.RetrieverFolder);
        using var scorer = new RetrieverScorer(kept, Precision.IsReduced(Options.ReducedPrecision, TorchSharp.torch.CPU)); // as the training validates
        Assert.Equal(summary.Validation, new FullRanking(data.Split, Items).Evaluate(scorer, HeldOut.Validation).Metrics);
    }

    [Fact]
    public async Task Without_a_checkpoint_there_is_nothing_to_resume()
    {
        StepContext context = await Prepare("a");

        UserErrorException error = await Assert.ThrowsAsync<UserErrorException>(() =>
            TrainRetrieverStep.RunAsync(Options with { Resume = true }, context));

        Assert.Contains("without --resume", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_prepared_data_it_says_what_to_run()
    {
        var context = new StepContext(new Workspace(new ArtifactStore(_folder.Path), "none"), 1, new Silent(), CancellationToken.None);

        UserErrorException error = await Assert.ThrowsAsync<UserErrorException>(() => TrainRetrieverStep.RunAsync(Options, context));

        Assert.Contains("Run 'prepare' first", error.Message, StringComparison.Ordinal);
    }

    private async Task<StepContext> Prepare(string name, int length = Length)
    {
        string source = Directory.CreateDirectory(_folder.File($"{name}-source")).FullName;
        IEnumerable<string> rows = Enumerable.Range(0, Users).SelectMany(user =>
            Enumerable.Range(0, length).Select(t => $"{user},{1 + (user + t) % Items},4,{100 + t}"));
        await File.WriteAllLinesAsync(Path.Combine(source, "ratings.csv"), ["userId,movieId,rating,timestamp", .. rows], TestContext.Current.CancellationToken);
        var workspace = new Workspace(new ArtifactStore(_folder.File(name)), "circle");
        var context = new StepContext(workspace, 7, new Silent(), TestContext.Current.CancellationToken) { Threads = 1 };
        await PrepareStep.RunAsync(new PrepareOptions { Data = source }, context);
        return context;
    }

    private static IEnumerable<double> Losses(StepContext context)
    {
        using JsonDocument metrics = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(context.Workspace.RetrieverFolder, TrainingLog.MetricsName)));
        return [.. metrics.RootElement.GetProperty("curve").EnumerateArray().Select(point => point.GetProperty("loss").GetDouble())];
    }

    /// <summary>After its second epoch, as Ctrl+C would.</summary>
    private static async Task BreakOffAsync(TrainRetrieverOptions options, StepContext context)
    {
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TrainRetrieverStep.RunAsync(
            options, context with { Progress = new CancelAfterEpoch(2, stop), Cancellation = stop.Token }));
    }

    private static byte[] Weights(StepContext context) => File.ReadAllBytes(Path.Combine(context.Workspace.RetrieverFolder, RetrieverFiles.WeightsName));

    private static float[] Table(StepContext context) =>
        SafetensorsFile.Read(Path.Combine(context.Workspace.RetrieverFolder, RetrieverFiles.WeightsName))["embedding.weight"].Values;

    private sealed class Recorded : IProgress<StepProgress>
    {
        public List<StepProgress> All { get; } = [];

        public void Report(StepProgress value) => All.Add(value);
    }

    private sealed class Silent : IProgress<StepProgress>
    {
        public void Report(StepProgress value)
        {
        }
    }

    /// <summary>Ctrl+C in the middle of the epoch after the given one.</summary>
    private sealed class CancelAfterEpoch(int epoch, CancellationTokenSource source) : IProgress<StepProgress>
    {
        public void Report(StepProgress value)
        {
            if (value.Epoch > epoch)
            {
                source.Cancel();
            }
        }
    }
}
