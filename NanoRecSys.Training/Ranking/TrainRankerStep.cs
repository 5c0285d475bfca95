using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <param name="RetrieverWeight">Weight of the cosine added to the logit.</param>
/// <param name="Retriever">NDCG@10 of the same candidates in the retriever's order.</param>
/// <param name="Fused">NDCG@10 of logit + weight * cosine.</param>
internal sealed record TrainRankerSummary(
    int Epochs, int BestEpoch, double AucHard, double AucRandom, double RetrieverWeight, double Retriever, double Plain, double Fused, double Seconds);

internal static class TrainRankerStep
{
    private static readonly TrainingLabels Labels = new("Training of the ranker", "positions", ["ndcg@10", "auc_hard", "auc_random"]);

    public static async Task<TrainRankerSummary> RunAsync(TrainRankerOptions options, StepContext context)
    {
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using RetrieverNetwork tower = ModelFolder.ReadRetriever(context.Workspace.RetrieverFolder, data);
        await using NegativesReader negatives = await OpenAsync(context.Workspace.NegativesFile, data, context);
        await using NegativesReader held = await OpenAsync(context.Workspace.ValidationNegativesFile, data, context);
        UserErrorException.ThrowIf(negatives.Groups == 0 || held.Groups == 0,
            $"{context.Workspace.NegativesFile} has no positions to train on, or none to validate on. Run 'mine-negatives' on more data.");

        IReadOnlyList<MinedPosition> heldOut = await held.ReadAsync(0, context.Cancellation);
        set_num_threads(context.Threads); // only applies to this thread, so it is set again after every await
        return await TrainAsync(negatives, heldOut, data, tower, options, context);
    }

    private static async Task<NegativesReader> OpenAsync(string path, PreparedData data, StepContext context)
    {
        NegativesReader negatives = await NegativesReader.OpenAsync(path, context.Cancellation);
        if (Provenance.Difference(
            negatives.MadeOf, (Provenance.Data, data.Hash), (Provenance.Retriever, ModelFolder.HashOf(context.Workspace.RetrieverFolder))) is { } difference)
        {
            await negatives.DisposeAsync();
            throw new UserErrorException($"The negatives in {path} were mined {difference}. Run 'mine-negatives' again.");
        }

        return negatives;
    }

    private static async Task<TrainRankerSummary> TrainAsync(
        NegativesReader negatives, IReadOnlyList<MinedPosition> held, PreparedData data, RetrieverNetwork tower, TrainRankerOptions options, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        string folder = context.Workspace.RankerFolder;
        ValidationCases cases = ValidationCases.Find(tower, data.Split, options.Candidates, context.Cancellation);
        using var encoder = new UserEncoder(tower);
        manual_seed(context.Seed);
        using RankerNetwork network = CreateNetwork(options, data, encoder, context);
        using var ranker = new CandidateRanker(network, encoder.ItemEmbeddings, data.Catalog);
        using RankerExamples validation = RankerExamples.Create(held, data.Split, ranker.Signals);
        using var trainer = new RankerTrainer(network, ranker.Items, options);
        var checkpoint = new Checkpoint<TrainRankerOptions>(folder, InputsOf(options, data, context, network.Model));
        TrainingState<TrainRankerOptions> state = checkpoint.Begin(
            TrainingState<TrainRankerOptions>.Start(options, context.Seed), options.Resume, options.IsInterrupted, network, trainer.Optimizer, context.Progress);
        var loop = new TrainingLoop<TrainRankerOptions>
        {
            Epochs = options.Epochs,
            Patience = options.Patience,
            MaxSeconds = options.MaxSeconds,
            Train = epoch => TrainEpochAsync(negatives, trainer, ranker.Signals, epoch, data, options, context),
            Validate = () =>
            {
                set_num_threads(context.Threads); // the previous epoch awaited reads
                (double hard, double random) = trainer.MeasureAuc(validation);
                double ndcg = cases.Measure(ranker.Rank(cases.Users), retrieverWeight: 0)["ndcg@10"];
                return new Dictionary<string, double> { ["ndcg@10"] = ndcg, ["auc_hard"] = hard, ["auc_random"] = random };
            },
            Keep = () => ModelFolder.Ranker.Write(folder, network.Model, NetworkWeights.Of(network), data.Hash),
            Save = current => checkpoint.Save(network, trainer.Optimizer, current),
            Log = new TrainingLog(folder, isResumed: state.Epoch > 0, Labels),
        };
        state = await loop.RunAsync(state, context.Progress);
        set_num_threads(context.Threads);
        return Weigh(state, cases, encoder, data, options, context) with { Seconds = watch.Elapsed.TotalSeconds };
    }

    private static Dictionary<string, string> InputsOf(TrainRankerOptions options, PreparedData data, StepContext context, RankerModel model) => new()
    {
        [Provenance.Data] = data.Hash,
        [Provenance.ItemData] = PreparedData.HashOfCatalog(context.Workspace),
        ["options"] = Checkpoint<TrainRankerOptions>.Fingerprint(options with { Resume = false, Epochs = 0, Patience = 0, MaxSeconds = 0 }),
        ["--seed"] = context.Seed.ToString(CultureInfo.InvariantCulture),
        ["retriever weights"] = model.RetrieverSha256!,
        ["negatives"] = FileHash.Of(context.Workspace.NegativesFile),
        ["validation negatives"] = FileHash.Of(context.Workspace.ValidationNegativesFile),
    };

    /// <summary>The groups in a new order, and the positions in a new order within each.</summary>
    private static async Task<CurvePoint> TrainEpochAsync(
        NegativesReader negatives, RankerTrainer trainer, SignalReader signals, int epoch, PreparedData data, TrainRankerOptions options, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        long seed = unchecked(context.Seed * 1_000_003 + epoch);
        manual_seed(seed);
        int[] order = [.. Enumerable.Range(0, negatives.Groups)];
        new Random(unchecked((int)seed)).Shuffle(order);
        (double sum, long positions) = (0, 0);
        foreach ((int done, int group) in order.Index())
        {
            IReadOnlyList<MinedPosition> mined = await negatives.ReadAsync(group, context.Cancellation);
            set_num_threads(context.Threads);
            using RankerExamples examples = RankerExamples.Create(mined, data.Split, signals);
            double loss = trainer.Train(examples, (share, stepLoss) => context.Progress.Report(new ProgressEvent
            {
                Fraction = (epoch - 1 + (done + share) / order.Length) / options.Epochs,
                Epoch = epoch,
                Loss = stepLoss,
            }), context.Cancellation);
            sum += loss * examples.Positions;
            positions += examples.Positions;
        }

        double seconds = watch.Elapsed.TotalSeconds;
        return new CurvePoint(epoch, sum / positions) { LearningRate = options.LearningRate, Seconds = seconds, SequencesPerSecond = positions / seconds };
    }

    private static RankerNetwork CreateNetwork(TrainRankerOptions options, PreparedData data, UserEncoder encoder, StepContext context)
    {
        var notes = new List<string>();
        var items = ItemLayout.Of(data.Catalog, notes);
        notes.ForEach(note => context.Progress.Report(new ProgressEvent { Message = note }));
        var model = new RankerModel((int)encoder.ItemEmbeddings.shape[1], options.Hidden, items, options.Dropout, RetrieverWeight: 0)
        {
            Signals = RankerSignals.Of(options.Signals, items),
            RetrieverSha256 = ModelFolder.HashOf(context.Workspace.RetrieverFolder),
        };
        return new RankerNetwork(model);
    }

    /// <summary>Chooses the weight of the retriever's cosine in the served score: the best one on validation.</summary>
    private static TrainRankerSummary Weigh(
        TrainingState<TrainRankerOptions> state, ValidationCases cases, UserEncoder encoder, PreparedData data, TrainRankerOptions options, StepContext context)
    {
        using RankerNetwork network = ModelFolder.ReadRanker(context.Workspace.RankerFolder, data);
        using var ranker = new CandidateRanker(network, encoder.ItemEmbeddings, data.Catalog);
        CandidateList[] lists = ranker.Rank(cases.Users);
        (double Weight, double Ndcg)[] points = [.. options.RetrieverWeights.Select(weight => (weight, cases.Measure(lists, weight)["ndcg@10"]))];
        (double chosen, double fused) = points.MaxBy(point => point.Ndcg);
        double meanCosine = lists.SelectMany(list => list.Cosines).DefaultIfEmpty(0).Average();

        // The same shift for all candidates keeps the order; without it, the sigmoid of large sums would be 1 for all of them.
        // A resumed training that found nothing better starts from weights that are already shifted.
        using (var noGradient = no_grad())
        {
            network.OutputBias.sub_((chosen - network.Model.RetrieverWeight) * meanCosine);
        }

        ModelFolder.Ranker.Write(context.Workspace.RankerFolder, network.Model with { RetrieverWeight = chosen }, NetworkWeights.Of(network), data.Hash);
        string tried = string.Join(", ", points.Select(point => $"{point.Weight:0.###}: {point.Ndcg:F4}"));
        context.Progress.Report(new ProgressEvent
        {
            Fraction = 1,
            Message = $"Weight of the retriever's cosine: {chosen:0.###} (NDCG@10 on validation by weight: {tried})",
        });
        IReadOnlyDictionary<string, double> best = state.Best;
        return new TrainRankerSummary(
            state.Epoch, state.BestEpoch, best["auc_hard"], best["auc_random"], chosen, cases.MeasureRetriever()["ndcg@10"], best["ndcg@10"],
            fused, Seconds: 0);
    }
}

/// <summary>The ranker's hyper-parameters. The defaults are those of nanoRecSys.</summary>
internal sealed record TrainRankerOptions
{
    public IReadOnlyList<int> Hidden { get; init; } = [512, 256, 128];
    public double Dropout { get; init; } = 0.2;
    public RankerLossKind Loss { get; init; } = RankerLossKind.Bce;

    /// <summary>Inputs besides embeddings and content, of <see cref="RankerSignals.All"/>.</summary>
    public IReadOnlyList<string> Signals { get; init; } = [];

    /// <summary>Share of the training pairs whose item embedding is hidden, so that new items can be ranked by their content.</summary>
    public double ItemDropout { get; init; } = 0.1;
    public double LearningRate { get; init; } = 1e-3;
    public double WeightDecay { get; init; } = 1e-4;
    public int BatchPairs { get; init; } = 2048;
    public int Epochs { get; init; } = 20;

    /// <summary>Epochs without a better NDCG@10 on validation before training stops.</summary>
    public int Patience { get; init; } = 3;

    /// <summary>Time limit; training stops after the epoch that exceeds it.</summary>
    public double MaxSeconds { get; init; } = double.PositiveInfinity;

    /// <summary>K, number of the retriever's top items to rank.</summary>
    public int Candidates { get; init; } = 100;

    /// <summary>Weights of the cosine to choose from; 0 is the ranker alone; a large weight is nearly the retriever's order.</summary>
    public IReadOnlyList<double> RetrieverWeights { get; init; } = [0, 1, 2, 5, 10, 20, 30, 50, 100, 200];
    public bool Resume { get; init; }

    /// <inheritdoc cref="Retrieval.TrainRetrieverOptions.IsInterrupted"/>
    [JsonIgnore]
    public bool IsInterrupted { get; init; }
}

/// <summary>The candidates of every user with a validation item, and that item; retrieved once, since the retriever does not change while the ranker
/// trains.</summary>
/// <param name="Users">[U]</param>
/// <param name="Targets">[U] rows of the next items.</param>
internal sealed record ValidationCases(IReadOnlyList<UserCandidates> Users, IReadOnlyList<int> Targets)
{
    private const int UsersPerBatch = 128;

    public static ValidationCases Find(RetrieverNetwork tower, DataSplit split, int candidates, CancellationToken cancellation)
    {
        using var encoder = new BatchEncoder(tower);
        var users = new List<UserCandidates>();
        var targets = new List<int>();
        foreach (int[] chunk in Enumerable.Range(0, split.UserCount).Chunk(UsersPerBatch))
        {
            cancellation.ThrowIfCancellationRequested();
            var histories = new List<TimedHistory>();
            foreach (int user in chunk)
            {
                if (split.TryGet(user, HeldOut.Validation, out HeldOutCase found) && !found.IsRepeat()) // as in evaluations
                {
                    histories.Add(found.History);
                    targets.Add(found.Target);
                }
            }

            if (histories.Count > 0)
            {
                users.AddRange(UserCandidates.Find(encoder, histories, candidates));
            }
        }

        return new ValidationCases(users, targets);
    }

    /// <summary>Metrics such as NDCG@10 of lists in user order, by logit + weight * cosine.</summary>
    public IReadOnlyDictionary<string, double> Measure(IReadOnlyList<CandidateList> lists, double retrieverWeight) =>
        RankingMetrics.Of([.. lists.Select((list, user) => list.RankOf(Targets[user], retrieverWeight))]);

    public IReadOnlyDictionary<string, double> MeasureRetriever() =>
        RankingMetrics.Of([.. Users.Select((user, place) => Array.IndexOf(user.Rows, Targets[place]) is var at and >= 0 ? at + 1 : int.MaxValue)]);
}
