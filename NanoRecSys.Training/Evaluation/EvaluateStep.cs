using TorchSharp;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Evaluates the baselines and the trained models; metrics of a full ranking are saved for <c>publish</c>.</summary>
internal static class EvaluateStep
{
    public static async Task<EvaluationReport> RunAsync(EvaluateOptions options, StepContext context)
    {
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        string[] names = options.Models.Count > 0 ? [.. options.Models.Distinct()] : [.. EvaluatedModels.Available(data, context)];
        HeldOutItemsReport? heldOutItems = names.Contains(EvaluatedModels.HeldOutItems) ? EvaluatedModels.MeasureHeldOutItems(data, context) : null;
        names = [.. names.Where(name => name != EvaluatedModels.HeldOutItems)];
        if (names.Length == 0)
        {
            return new EvaluationReport([], []) { HeldOutItems = heldOutItems };
        }

        var ranking = new NextItemRanking(data.Split, data.Catalog.Count)
        {
            Sampler = options.Sampled ? new NegativeSampler(options.Negatives, data.Catalog.Count, context.Seed) : null,
            Exclude = options.Exclude,
            Window = options.Window,
            KnowsTargetTime = options.KnowsTargetTime,
            Threads = context.Threads,
            ListLength = options.Sampled ? 0 : BeyondAccuracy.K,
        };
        var results = new List<EvaluationResult>();
        var differences = new List<PairedDifference>();
        foreach (var part in options.Splits.Index().GroupBy(split => split.Item == HeldOut.Test && ModelFolder.HasRefit(context.Workspace)))
        {
            bool isRefit = part.Key; // it trained on the validation items, so the models compared with it on test do, too
            PreparedData known = isRefit ? data.WithValidation() : data;
            using var models = new EvaluatedModels(names, known, context, ranking.LeftOut, options.PopularityDays, isRefit);
            IReadOnlyList<IScorer> scorers = options.AddLogPopularity ? AddLogPopularity(models.Scorers, known) : models.Scorers;
            foreach ((int number, HeldOut split) in part)
            {
                RankedUsers users = ranking.Rank(
                    scorers, split, share => context.Progress.Report(new ProgressEvent { Fraction = (number + share) / options.Splits.Count }), context.Cancellation);
                (IReadOnlyList<EvaluationResult> own, IEnumerable<PairedDifference> between) = Measure(users, scorers, split, ranking, options, known, context);
                results.AddRange(own.Select(result => result with { Refit = isRefit && EvaluatedModels.IsRefitted(result.Model) ? true : null }));
                differences.AddRange(between);
            }
        }

        foreach (EvaluationResult result in results)
        {
            MetricsFile.Save(context.Workspace, data, result, DateTimeOffset.UtcNow);
        }

        return new EvaluationReport(results, differences) { HeldOutItems = heldOutItems };
    }

    private static (IReadOnlyList<EvaluationResult> Results, IEnumerable<PairedDifference> Differences) Measure(
        RankedUsers users, IReadOnlyList<IScorer> scorers, HeldOut split, NextItemRanking ranking, EvaluateOptions options, PreparedData data, StepContext context)
    {
        Confidence? confidence = options.Resamples > 0 ? new Confidence(users.Ranks, options.Resamples, context.Seed, context.Threads) : null;
        EvaluationResult[] results = [.. scorers.Select((scorer, model) =>
        {
            EvaluationResult result = ranking.ResultOf(scorer, split, users, model);
            return result with
            {
                Protocol = result.Protocol + (options.AddLogPopularity ? "+log-popularity" : "") + (options.KnowsTargetTime ? "" : "+without-target-time")
                    + (scorer is RankerScorer { Permuted: { } feature } ? $"+permuted-{feature.Name}" : ""),
                Intervals = confidence?.IntervalsOf(model),
                Lists = options.Sampled ? null : BeyondAccuracy.Of(users.Lists[model], data.Catalog, data.TrainCounts, data.Split.UserCount),
                Calibration = split == HeldOut.Validation && options is { Sampled: false, AddLogPopularity: false, KnowsTargetTime: true } ? CalibrationFit.Of(users, model) : null,
                Slices = BeyondAccuracy.Slices(users, users.Ranks[model], data.TrainCounts),
            };
        })];
        return (results, confidence?.Differences(results) ?? []);
    }

    private static IReadOnlyList<IScorer> AddLogPopularity(IReadOnlyList<IScorer> scorers, PreparedData data)
    {
        float[] logShares = InfoNceLoss.LogShares(data.TrainCounts);
        return [.. scorers.Select(scorer => new LogPopularityScorer(scorer, logShares))];
    }
}

internal sealed record EvaluateOptions
{
    public const int PublishedWindow = 200;

    /// <summary>Names of models; empty means all available ones.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];
    public IReadOnlyList<HeldOut> Splits { get; init; } = [HeldOut.Validation, HeldOut.Test];
    public Exclusion Exclude { get; init; } = Exclusion.History;

    /// <summary>Number of items that <see cref="Exclusion.Window"/> excludes; the same for all models, so that they are comparable.</summary>
    public int Window { get; init; } = PublishedWindow;
    public bool KnowsTargetTime { get; init; } = true;
    public bool Sampled { get; init; }
    public int Negatives { get; init; } = 100;
    public int PopularityDays { get; init; } = 30;
    public bool AddLogPopularity { get; init; }

    /// <summary>Resamples of the users for the confidence intervals; 0 for none.</summary>
    public int Resamples { get; init; } = 1000;
}

/// <summary>The models of one evaluation, opened by name; shared parts are opened once.</summary>
internal sealed class EvaluatedModels : IDisposable
{
    /// <summary>Not one model but several: the ranker with one feature permuted among items, with and without item ids.</summary>
    public const string FeatureSensitivity = "feature-sensitivity";

    /// <summary>Not a model but a protocol of its own: <see cref="Data.HeldOutItems"/>.</summary>
    public const string HeldOutItems = "held-out-items";

    public static readonly IReadOnlyList<string> Names = [Popularity.ModelName, RecentPopularity.ModelName, ItemKnn.ModelName, Ease.ModelName, MatrixFactorization.ModelName, MlpUserTowerScorer.ModelName, "retriever", RaceStep.BlendName, ExportedRetriever.Int8Name, .. Enum.GetValues<RankerUsage>().Select(RankerScorer.NameOf), FeatureSensitivity, HeldOutItems];

    private readonly PreparedData _data;
    private readonly StepContext _context;
    private readonly int _leftOut;
    private readonly int _popularityDays;
    private readonly bool _isRefit;
    private readonly List<IScorer> _scorers = [];
    private RetrieverNetwork? _tower;
    private BatchEncoder? _encoder;

    public EvaluatedModels(IReadOnlyList<string> names, PreparedData data, StepContext context, int leftOut = int.MaxValue, int popularityDays = 30, bool isRefit = false)
    {
        (_data, _context, _leftOut, _popularityDays, _isRefit) = (data, context, leftOut, popularityDays, isRefit);
        try
        {
            foreach (string name in names)
            {
                _scorers.AddRange(name == FeatureSensitivity ? OpenPermuted() : [Open(name)]);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyList<IScorer> Scorers => _scorers;

    /// <summary>Whether the refit's data applies to this model, too; not to baselines trained before.</summary>
    public static bool IsRefitted(string name) => name is not (MatrixFactorization.ModelName or MlpUserTowerScorer.ModelName or Ease.ModelName);

    /// <summary>The baselines and the trained models.</summary>
    public static IReadOnlyList<string> Available(PreparedData data, StepContext context) =>
        [.. Names.Where(name => name is not (FeatureSensitivity or HeldOutItems) && UsageOf(name) is null or RankerUsage.Served && IsTrained(name, data, context))];

    public void Dispose()
    {
        foreach (IScorer scorer in _scorers)
        {
            (scorer as IDisposable)?.Dispose();
        }

        _encoder?.Dispose();
        _tower?.Dispose();
    }

    private IScorer Open(string name) => name switch
    {
        Popularity.ModelName => new Popularity(_data.TrainWeights()),
        ItemKnn.ModelName => new ItemListScorer(name, ItemKnn.Build(_data.Split, _data.Catalog.Count, new ItemKnnOptions(), _context.Threads, _context.Cancellation)),
        RecentPopularity.ModelName => new RecentPopularity(_data.Split, _data.TrainCounts, _popularityDays),
        Ease.ModelName => new ItemListScorer(name, Ease.Read(_context.Workspace.BaselineFolder(name), _data)),
        RaceStep.BlendName => new BlendScorer(name, Encoder(), OpenBlend()),
        MatrixFactorization.ModelName => MatrixFactorization.Read(_context.Workspace.BaselineFolder(name), _data, _context.Threads),
        MlpUserTowerScorer.ModelName => OpenMlpUserTower(),
        "retriever" => new RetrieverScorer(Encoder()),
        ExportedRetriever.Int8Name => ExportedRetriever.OpenInt8(_context.Workspace, _data),
        _ when UsageOf(name) is { } usage => new RankerScorer(Encoder(), ReadRanker(), _data, usage, leftOut: _leftOut),
        _ => throw new UserErrorException($"Unknown model '{name}'. Models: {string.Join(", ", Names)}."),
    };

    private IEnumerable<IScorer> OpenPermuted() =>
        from usage in new[] { RankerUsage.Plain, RankerUsage.NewItems }
        from feature in PermutedFeature.Of(_data.Catalog, ModelFolder.Ranker.ReadModel(_context.Workspace.RankerFolder).Items).Prepend<PermutedFeature?>(null)
        select new RankerScorer(Encoder(), ReadRanker(), _data, usage, feature, _leftOut);

    private static RankerUsage? UsageOf(string name) =>
        Enum.GetValues<RankerUsage>().Select(usage => (RankerUsage?)usage).FirstOrDefault(usage => RankerScorer.NameOf(usage!.Value) == name);

    public static HeldOutItemsReport MeasureHeldOutItems(PreparedData data, StepContext context)
    {
        Workspace workspace = context.Workspace;
        HeldOutItems heldOut = Data.HeldOutItems.Read(workspace.DataFolder);
        using RetrieverNetwork tower = ModelFolder.ReadRetriever(workspace.RetrieverFolder, data);
        torch.set_num_threads(context.Threads);
        using RankerNetwork? ranker = RankerExport.IsUsable(context, data) ? ModelFolder.ReadRanker(workspace.RankerFolder, data) : null;
        using ItemBlend? blend = RaceOutcome.Find(workspace, data) is { Lists.Count: > 0 } race ? race.OpenBlend(workspace) : null;
        return HeldOutItemsRanking.Measure(tower, ranker, blend, data, heldOut, context);
    }

    private ItemBlend OpenBlend()
    {
        RaceOutcome race = RaceOutcome.Read(_context.Workspace, _data);
        return _isRefit ? FinalFitStep.BlendOf(race, _data, _context) : race.OpenBlend(_context.Workspace);
    }

    private MlpUserTowerScorer OpenMlpUserTower()
    {
        LibTorch.Load();
        torch.set_num_threads(_context.Threads);
        return MlpUserTowerScorer.Read(_context.Workspace.BaselineFolder(MlpUserTowerScorer.ModelName), _data);
    }

    private RankerNetwork ReadRanker() => RankerExport.MismatchOf(_context.Workspace, _data) is { } mismatch
        ? throw new UserErrorException(mismatch)
        : ModelFolder.ReadRanker(_context.Workspace.RankerFolder, _data);

    private BatchEncoder Encoder()
    {
        if (_encoder is null)
        {
            _tower = ModelFolder.ReadRetriever(_isRefit ? _context.Workspace.RefitFolder : _context.Workspace.RetrieverFolder, _data);
            torch.set_num_threads(_context.Threads);
            _encoder = new BatchEncoder(_tower.to(torch.device(_context.Device)));
        }

        return _encoder;
    }

    private static bool IsTrained(string name, PreparedData data, StepContext context) => name switch
    {
        "retriever" => ModelFolder.Retriever.Exists(context.Workspace.RetrieverFolder),
        // Served forms and variants of other models, only on request.
        ExportedRetriever.Int8Name or RecentPopularity.ModelName => false,
        RaceStep.BlendName => RaceOutcome.Find(context.Workspace, data) is { Lists.Count: > 0 },
        Ease.ModelName => IsBaselineTrained(ModelFolder.Ease, name, data, context),
        _ when UsageOf(name) is not null => RankerExport.IsUsable(context, data),
        MatrixFactorization.ModelName => IsBaselineTrained(ModelFolder.MatrixFactorization, name, data, context),
        MlpUserTowerScorer.ModelName => IsBaselineTrained(ModelFolder.MlpUserTower, name, data, context),
        _ => true,
    };

    // A baseline for other data does not stop an evaluation of all models: nothing depends on it.
    private static bool IsBaselineTrained<T>(ModelFolder<T> model, string name, PreparedData data, StepContext context)
    {
        string folder = context.Workspace.BaselineFolder(name);
        if (!model.Exists(folder) || model.MismatchOf(folder, data) is not { } mismatch)
        {
            return model.Exists(folder);
        }

        context.Progress.Report(new ProgressEvent { Message = $"{mismatch} It is left out." });
        return false;
    }
}

/// <param name="Differences">For every pair of models of a split, the better one first; empty without intervals.</param>
internal sealed record EvaluationReport(IReadOnlyList<EvaluationResult> Results, IReadOnlyList<PairedDifference> Differences)
{
    public HeldOutItemsReport? HeldOutItems { get; init; }
}

/// <summary>Ranks of items unseen in training, for the users who interacted with them.</summary>
/// <param name="AmongAll">Metrics such as <c>hr@10</c>, ranked among the whole catalog and all new items except those in the history.</param>
internal sealed record HeldOutItemsResult(string Model, IReadOnlyDictionary<string, double> AmongAll, IReadOnlyDictionary<string, double> AmongNew);

/// <param name="Cases">Users with a new item; each user's last one is the target.</param>
/// <param name="HeldOutCosine">Cosine of estimated and trained embeddings, in the map's own cross-validation.</param>
/// <param name="Results">One per method, a random order first.</param>
internal sealed record HeldOutItemsReport(int Cases, int KnownItems, int NewItems, double HeldOutCosine, IReadOnlyList<HeldOutItemsResult> Results);

/// <summary>Fits the probability that a recommended item is the next one, given its ranking score (Platt, 1999): a logistic
/// regression over all list positions on validation, by Newton's method.</summary>
internal static class CalibrationFit
{
    private const int Iterations = 50;
    private const double Ridge = 1e-6; // keeps the curvature above zero if all scores are equal

    /// <returns>Null if calibration is impossible: no list contains its target, or higher scores are not more often right.</returns>
    public static ScoreCalibration? Of(RankedUsers users, int model)
    {
        Candidate[] lists = users.Lists[model];
        int length = lists.Length / Math.Max(1, users.Users.Length);
        return Of([.. lists.Index().Where(place => place.Item.Row >= 0)
            .Select(place => ((double)place.Item.Score, place.Item.Row == users.Targets[place.Index / length]))]);
    }

    internal static ScoreCalibration? Of(IReadOnlyList<(double Score, bool IsNext)> places)
    {
        int hits = places.Count(place => place.IsNext);
        if (hits == 0 || hits == places.Count)
        {
            return null;
        }

        // Centering and scaling decouples slope and intercept, and keeps the steps small.
        double mean = places.Average(place => place.Score);
        double spread = Math.Sqrt(places.Average(place => (place.Score - mean) * (place.Score - mean)));
        if (!(spread > 0))
        {
            return null;
        }

        double slope = 0, intercept = Math.Log((double)hits / (places.Count - hits));
        for (int iteration = 0; iteration < Iterations; iteration++)
        {
            double g0 = 0, g1 = 0, h00 = Ridge, h01 = 0, h11 = Ridge;
            foreach ((double score, bool isNext) in places)
            {
                double x = (score - mean) / spread;
                double p = 1 / (1 + Math.Exp(-(intercept + slope * x)));
                double weight = p * (1 - p);
                g0 += (isNext ? 1 : 0) - p;
                g1 += ((isNext ? 1 : 0) - p) * x;
                h00 += weight;
                h01 += weight * x;
                h11 += weight * x * x;
            }

            double determinant = h00 * h11 - h01 * h01;
            (double stepIntercept, double stepSlope) = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
            intercept += Math.Clamp(stepIntercept, -1, 1);
            slope += Math.Clamp(stepSlope, -1, 1);
            if (Math.Abs(stepIntercept) + Math.Abs(stepSlope) < 1e-9)
            {
                break;
            }
        }

        return slope > 0 ? new ScoreCalibration(slope / spread, intercept - slope * mean / spread) : null;
    }
}
