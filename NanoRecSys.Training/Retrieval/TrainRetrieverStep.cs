using System.Text.Json.Serialization;
using TorchSharp;

namespace NanoRecSys.Training.Retrieval;

/// <param name="Epochs">Epochs of the longest training if there are several members.</param>
internal sealed record TrainRetrieverSummary(int Epochs, int BestEpoch, double Seconds, IReadOnlyDictionary<string, double> Validation)
{
    /// <summary>Each member's own training; null for a single network.</summary>
    public IReadOnlyList<TrainRetrieverSummary>? Members { get; init; }
}

/// <summary>How to train a member for a given number of epochs.</summary>
internal sealed record MemberFit(TrainRetrieverOptions Options, int Epochs, long Seed);

internal static class TrainRetrieverStep
{
    public static Task<TrainRetrieverSummary> RunAsync(TrainRetrieverOptions options, StepContext context) => RunAsync(_ => options, context);

    public static async Task<TrainRetrieverSummary> RunAsync(Func<DatasetSummary, TrainRetrieverOptions> choose, StepContext context)
    {
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        TrainRetrieverOptions options = choose(data.Summary);
        if (UserTower.Problem(options.ToModel(data.Catalog.Count)) is { } problem)
        {
            throw new UserErrorException(problem);
        }

        UserErrorException.ThrowIf(options is { AlternateContent: true, Members: null }, $"--item-content alternate is for several networks. Add --members 2.");

        string folder = context.Workspace.RetrieverFolder;
        if (!options.Resume && !options.IsInterrupted)
        {
            AtomicFolder.DeleteIfExists(Path.Combine(folder, ModelFolder.MembersName)); // from an earlier training
        }

        return options.Members is null
            ? await WithTrainer(data, options, context, trainer => TrainAsync(trainer, folder, data, options, context))
            : await TrainMembersAsync(options.Members.Value, folder, data, options, context);
    }

    private static async Task<TrainRetrieverSummary> TrainMembersAsync(
        int count, string folder, PreparedData data, TrainRetrieverOptions options, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        string[] folders = [.. Enumerable.Range(0, count).Select(member => ModelFolder.MemberFolder(folder, member))];
        bool isBegun = folders.Any(Checkpoint<TrainRetrieverOptions>.Exists);
        TrainRetrieverSummary[] members = await RetrieverMembers.TrainAsync(options, context, (member, each) =>
        {
            bool isNew = isBegun && !Checkpoint<TrainRetrieverOptions>.Exists(folders[member]); // the interrupted training had not reached it
            TrainRetrieverOptions own = options with
            {
                Resume = options.Resume && !isNew,
                ItemContent = options.ItemContent && !(options.AlternateContent && member % 2 == 0),
                MaxSeconds = options.MaxSeconds * RetrieverMembers.AtOnce(options, context) / count,
            };
            return WithTrainer(data, own, each, trainer => TrainAsync(trainer, folders[member], data, own, each), member);
        });

        ModelFolder.Retriever.Write(folder, options.ToModel(data.Catalog.Count), Join(folders), data.Hash);

        // Of imported weights, or of a single network's training; the members have their own.
        RetrieverItems.Forget(folder);
        Checkpoint<TrainRetrieverOptions>.Delete(folder);
        TrainingLog.Delete(folder);
        using RetrieverNetwork network = ModelFolder.ReadRetriever(folder, data);
        torch.Device device = torch.device(context.Device);
        var ranking = new NextItemRanking(data.Split, data.Catalog.Count) { Threads = context.Threads };
        IReadOnlyDictionary<string, double> validation = Validate(network.to(device), Precision.IsReduced(options.ReducedPrecision, device), ranking, context.Cancellation);
        context.Progress.Report(new ProgressEvent { Fraction = 1, Metrics = validation, Detail = $"{count} members together" });
        return new TrainRetrieverSummary(members.Max(member => member.Epochs), members.Max(member => member.BestEpoch), watch.Elapsed.TotalSeconds, validation)
        {
            Members = members,
        };
    }

    internal static async Task<T> WithTrainer<T>(
        PreparedData data, TrainRetrieverOptions options, StepContext context, Func<RetrieverTrainer, Task<T>> work, int member = 0)
    {
        UserErrorException.ThrowIf(!Enumerable.Range(0, data.Split.UserCount).Any(user => data.Split.Train(user).Length > 1),
            $"No user has two items to train on. The last item is for test and the one before it for validation, so a history needs four. Prepare more data.");

        LibTorch.Load();
        torch.set_num_threads(context.Threads);
        torch.Device device = torch.device(context.Device);
        using var scope = torch.NewDisposeScope();
        RetrieverTrainer trainer = CreateTrainer(data, options, device, context, member);
        using UserTower tower = trainer.Tower;
        using (trainer)
        {
            return await work(trainer);
        }
    }

    private static RetrieverTrainer CreateTrainer(PreparedData data, TrainRetrieverOptions options, torch.Device device, StepContext context, int member)
    {
        lock (RetrieverTrainer.Generator)
        {
            torch.manual_seed(context.Seed);
            ModelInfo model = options.ToModel(data.Catalog.Count);
            torch.Tensor? content = options.ItemContent ? ItemContent.FeaturesOf(data.Catalog, device) : null;
            var tower = new UserTower(model.OfMember(), options.EmbeddingStd, content);
            if (options.WarmStart)
            {
                ServedWeights.Load(tower, model, member, data, context);
            }

            tower.to(device);
            return new RetrieverTrainer(tower, data.Split, options, context.Seed, CreateLoss(options, data, device));
        }
    }

    private static async Task<TrainRetrieverSummary> TrainAsync(
        RetrieverTrainer trainer, string folder, PreparedData data, TrainRetrieverOptions options, StepContext context)
    {
        var checkpoint = new Checkpoint<TrainRetrieverOptions>(folder, InputsOf(trainer, data, options, context));
        var ranking = new NextItemRanking(data.Split, data.Catalog.Count) { Threads = context.Threads };
        var watch = Stopwatch.StartNew();
        TrainingState<TrainRetrieverOptions> state = checkpoint.Begin(
            TrainingState<TrainRetrieverOptions>.Start(options, context.Seed), options.Resume, options.IsInterrupted, trainer.Tower, trainer.Optimizer, context.Progress);
        double resumedAt = (double)state.Epoch / options.Epochs;
        var loop = new TrainingLoop<TrainRetrieverOptions>
        {
            Epochs = options.Epochs,
            Patience = options.Patience,
            ValidateEvery = options.ValidateEvery,
            MaxSeconds = options.MaxSeconds,
            Train = epoch => Task.FromResult(TrainEpoch(trainer, epoch, options.Epochs, resumedAt, context)),
            Validate = () => Validate(trainer.Tower, trainer.IsReduced, ranking, context.Cancellation),
            Keep = () =>
            {
                RetrieverItems.Forget(folder); // those of an imported retriever
                ModelFolder.WriteRetriever(folder, trainer.Tower, data.Hash);
            },
            Save = current => checkpoint.Save(trainer.Tower, trainer.Optimizer, current),
            Log = new TrainingLog(folder, isResumed: state.Epoch > 0, TrainingLabels.Retriever),
        };
        state = await loop.RunAsync(state, context.Progress);
        return new TrainRetrieverSummary(state.Epoch, state.BestEpoch, watch.Elapsed.TotalSeconds, state.Best);
    }

    /// <summary>Trains without validation, for a given number of epochs, and writes the last weights.</summary>
    /// <param name="members">How to train each member; one for a single network.</param>
    /// <param name="start">Folder of the weights to start from; null for random ones.</param>
    /// <param name="folder">Folder for the weights.</param>
    /// <param name="selected">Hash of the weights that these replace in <see cref="ModelFolder.ServedRetriever"/>.</param>
    /// <returns>Loss of the last epoch in nats, averaged over the members.</returns>
    internal static async Task<double> FitAsync(
        PreparedData data, IReadOnlyList<MemberFit> members, string? start, string folder, string? selected, StepContext context)
    {
        TrainRetrieverOptions options = members[0].Options;
        (double Loss, IEnumerable<NamedTensor> Weights)[] fits = await RetrieverMembers.TrainAsync(options, context, (member, each) =>
        {
            MemberFit fit = members[member];
            each = each with { Seed = fit.Seed };
            TrainRetrieverOptions own = fit.Options with { WarmStart = fit.Options.WarmStart && start is null };
            return WithTrainer(data, own, each, trainer => Task.FromResult(Fit(trainer, member, fit, start, data, each)), member);
        });
        ModelFolder.Retriever.Write(folder, options.ToModel(data.Catalog.Count), MemberWeights.Join([.. fits.Select(fit => fit.Weights)]), data.Hash, selected);
        return fits.Average(fit => fit.Loss);
    }

    private static (double Loss, IEnumerable<NamedTensor> Weights) Fit(
        RetrieverTrainer trainer, int member, MemberFit fit, string? start, PreparedData data, StepContext context)
    {
        if (start is not null)
        {
            trainer.Tower.Load(ModelFolder.Retriever.Read(start, data, (model, weights) => weights.OfMember(model, member)));
        }

        double loss = 0;
        for (int epoch = 1; epoch <= fit.Epochs; epoch++)
        {
            CurvePoint point = TrainEpoch(trainer, epoch, fit.Epochs, resumedAt: 0, context);
            point.RequireFiniteLoss();
            loss = point.Loss!.Value;
        }

        return (loss, trainer.Tower.Weights());
    }

    /// <summary>How each member of the retriever in a folder was trained; one entry for a single network.</summary>
    /// <exception cref="UserErrorException">There is no record, as for imported weights, it is damaged, or an interrupted training has replaced members.</exception>
    internal static IReadOnlyList<TrainingState<TrainRetrieverOptions>> ReadRecords(string folder)
    {
        if (ModelFolder.Retriever.ReadModel(folder).Members is not { } count)
        {
            return [ReadRecord(folder)];
        }

        string[] folders = [.. Enumerable.Range(0, count).Select(member => ModelFolder.MemberFolder(folder, member))];
        TrainingState<TrainRetrieverOptions>[] records = [.. folders.Select(ReadRecord)];
        IReadOnlyDictionary<string, NamedTensor> joined = SafetensorsFile.Read(Path.Combine(folder, ModelFolder.WeightsName));
        bool isWhole = Join(folders).All(tensor => joined.TryGetValue(tensor.Name, out NamedTensor? same) && same.Values.AsSpan().SequenceEqual(tensor.Values));
        return isWhole ? records
            : throw new UserErrorException($"A training in {folder} was interrupted: its networks are newer than the weights that join them. Continue with 'train-retriever --resume', or train again.");
    }

    private static IEnumerable<NamedTensor> Join(IEnumerable<string> memberFolders) =>
        MemberWeights.Join([.. memberFolders.Select(member => SafetensorsFile.Read(Path.Combine(member, ModelFolder.WeightsName)).Values)]);

    private static TrainingState<TrainRetrieverOptions> ReadRecord(string folder)
    {
        string path = Path.Combine(folder, TrainingLog.MetricsName);
        try
        {
            return TrainingJson.Read<TrainingState<TrainRetrieverOptions>>(path) is { BestEpoch: > 0 } record
                ? record
                : throw new UserErrorException($"{folder} has no record of a training ({TrainingLog.MetricsName}), as for imported weights or after an interrupted training. Run 'train-retriever' first.");
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"{path} cannot be read ({e.Message}). Run 'train-retriever' again.", e);
        }
    }

    /// <param name="epoch">1-based.</param>
    internal static CurvePoint TrainEpoch(RetrieverTrainer trainer, int epoch, int epochs, double resumedAt, StepContext context)
    {
        double learningRate = trainer.LearningRateAt(epoch);
        return trainer.TrainEpoch(epoch, done => context.Progress.Report(new ProgressEvent
        {
            Fraction = (epoch - 1 + (double)done.Step / done.Steps) / epochs,
            ResumedAt = resumedAt,
            Epoch = epoch,
            Loss = done.Loss,
            LearningRate = learningRate,
            SequencesPerSecond = done.SequencesPerSecond,
        }), context.Cancellation);
    }

    private static Dictionary<string, string> InputsOf(RetrieverTrainer trainer, PreparedData data, TrainRetrieverOptions options, StepContext context)
    {
        // Limits may change between attempts; the precision is compared as resolved.
        TrainRetrieverOptions shared = options with { Resume = false, MaxSeconds = 0, Patience = 0, ValidateEvery = 1, ReducedPrecision = null };
        return new()
        {
            ["options"] = Checkpoint<TrainRetrieverOptions>.Fingerprint(shared),
            ["--seed"] = context.Seed.ToString(CultureInfo.InvariantCulture),
            [Provenance.Data] = data.Hash,
            [Provenance.ItemData] = options.ItemContent ? PreparedData.HashOfCatalog(context.Workspace) : "",
            ["--threads"] = context.Threads.ToString(CultureInfo.InvariantCulture), // the rounding of a step's sums depends on it
            ["--precision"] = trainer.IsReduced ? "bf16" : "fp32",
            ["first weights"] = options.WarmStart ? ModelFolder.HashOf(context.Workspace.ServedFolder) ?? "" : "",
        };
    }

    // In the training's precision: in fp32 it would take as long as an epoch. "evaluate" reports the exact figures.
    private static IReadOnlyDictionary<string, double> Validate(RetrieverNetwork network, bool isReduced, NextItemRanking ranking, CancellationToken cancellation)
    {
        using var encoder = new BatchEncoder(network, isReduced);
        return ranking.Evaluate(new RetrieverScorer(encoder), HeldOut.Validation, cancellation).Metrics;
    }

    /// <summary>The loss that the options name; baselines use the same losses.</summary>
    internal static IRetrieverLoss CreateLoss(TrainRetrieverOptions options, PreparedData data, torch.Device device)
    {
        bool isReduced = Precision.IsReduced(options.ReducedPrecision, device);
        return options.Loss switch
        {
            RetrieverLoss.FullSoftmax => new FullSoftmaxLoss(options.Temperature, isReduced),
            RetrieverLoss.SampledSoftmax => new SampledSoftmaxLoss(options.Temperature, options.Negatives, isReduced),
            _ => new InfoNceLoss(options.Temperature, torch.tensor(InfoNceLoss.LogShares(data.TrainCounts), device: device), options.Loss == RetrieverLoss.Dcl, isReduced),
        };
    }
}

/// <summary>The retriever's hyper-parameters. The defaults are those of nanoRecSys, except <see cref="Loss"/> (there in-batch InfoNCE) and <see
/// cref="EmbeddingStd"/> (the item table's start).</summary>
internal sealed record TrainRetrieverOptions
{
    /// <summary>Kind of block; one of <see cref="BlockKinds"/>.</summary>
    public string Block { get; init; } = BlockKinds.Transformer;

    /// <summary>Position encoding; one of <see cref="Core.Artifacts.Positions"/>.</summary>
    public string Positions { get; init; } = Core.Artifacts.Positions.Rotary;

    /// <summary>Lets scores depend on the time between interactions; requires relative positions.</summary>
    public bool TimeBias { get; init; }

    /// <summary>Whether what is known about the items takes part; see <see cref="Models.ItemContent"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ItemContent { get; init; }

    /// <summary>Whether only every second member has item content: networks that differ more complement each other better.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool AlternateContent { get; init; }

    public int Dimension { get; init; } = 256;
    public int Blocks { get; init; } = 4;
    public int Heads { get; init; } = 8;
    public int FeedForward { get; init; } = 1024;
    public int MaxLength { get; init; } = 200;
    public double Dropout { get; init; } = 0.2;
    public RetrieverLoss Loss { get; init; } = RetrieverLoss.FullSoftmax;
    public double Temperature { get; init; } = 0.05;

    /// <summary>Number of networks trained independently, each with its own seed, whose embeddings are concatenated; null for one.</summary>
    public int? Members { get; init; }

    /// <summary>N, items that sampled softmax draws per step.</summary>
    public int Negatives { get; init; } = 3000;
    public double EmbeddingStd { get; init; } = 0.02;
    public double LearningRate { get; init; } = 1e-3;
    public double Beta1 { get; init; } = 0.9;
    public double Beta2 { get; init; } = 0.98;
    public double WeightDecay { get; init; }
    public int WarmupSteps { get; init; } = 2000;

    /// <summary>Gradients are scaled down to this norm; 0 disables scaling.</summary>
    public double GradientNorm { get; init; }

    /// <summary>Whether products are in bfloat16 in training and its validations; null: if the processor has instructions for it.</summary>
    public bool? ReducedPrecision { get; init; }
    public LearningRateDecay Decay { get; init; } = LearningRateDecay.None;
    public int BatchUsers { get; init; } = 128;
    public int Epochs { get; init; } = 300;

    /// <summary>Which part of a history longer than L + 1 to train on.</summary>
    public TrainingWindow Window { get; init; } = TrainingWindow.Last;
    public int ValidateEvery { get; init; } = 1;

    /// <summary>Validations without a better NDCG@10 before training stops.</summary>
    public int Patience { get; init; } = 10;

    /// <summary>A safeguard, not tuned for quality: training stops after the epoch that exceeds it.</summary>
    public double MaxSeconds { get; init; } = double.PositiveInfinity;
    public bool Resume { get; init; }

    /// <summary>Continue from this training's last checkpoint, if any: <c>run</c> was interrupted.</summary>
    [JsonIgnore]
    public bool IsInterrupted { get; init; }

    /// <summary>Start from the served weights if they fit; see <see cref="ServedWeights"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool WarmStart { get; init; }

    public ModelInfo ToModel(int items) => new(
        Block, Dimension, Blocks, Heads, FeedForward, MaxLength, items, RopeBase: 500, Dropout, Loss.ToName(), Temperature)
    {
        Positions = Positions,
        TimeBias = TimeBias,
        Members = Members,
    };
}

[JsonConverter(typeof(KebabCaseNames<RetrieverLoss>))]
public enum RetrieverLoss
{
    FullSoftmax,
    SampledSoftmax,
    InfoNce,

    /// <summary>InfoNCE with the positive left out of the denominator.</summary>
    Dcl,
}

[JsonConverter(typeof(KebabCaseNames<LearningRateDecay>))]
internal enum LearningRateDecay
{
    None,
    Cosine,
}

[JsonConverter(typeof(KebabCaseNames<TrainingWindow>))]
internal enum TrainingWindow
{
    /// <summary>The last L + 1 items.</summary>
    Last,

    /// <summary>L + 1 items from anywhere, redrawn each epoch.</summary>
    Random,
}

internal static class RetrieverLossNames
{
    public static readonly IReadOnlyList<string> All = [.. Enum.GetValues<RetrieverLoss>().Select(ToName)];

    public static string ToName(this RetrieverLoss loss) => JsonNamingPolicy.KebabCaseLower.ConvertName(loss.ToString());

    public static RetrieverLoss Parse(string name) => Enum.GetValues<RetrieverLoss>().Single(loss => loss.ToName() == name);
}

/// <summary>Names in files, as on the command line, such as <c>full-softmax</c>.</summary>
internal sealed class KebabCaseNames<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.KebabCaseLower)
    where T : struct, Enum;
