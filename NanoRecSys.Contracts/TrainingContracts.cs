namespace NanoRecSys.Contracts;

/// <summary>A running or finished training: answer of <c>GET /training/progress</c>.</summary>
/// <param name="Run">The run's name, or null if nothing was trained yet.</param>
/// <param name="Events">All events of the newest run, oldest first.</param>
public sealed record TrainingStatus(string? Run, IReadOnlyList<ProgressEvent> Events);

/// <summary>Answer of <c>GET /training/runs</c>.</summary>
/// <param name="Runs">Newest first.</param>
/// <param name="Exports">Output of <c>export</c> for each data set, whether published or not.</param>
public sealed record TrainingRuns(IReadOnlyList<RunSummary> Runs, IReadOnlyList<ExportSummary> Exports)
{
    /// <summary>Status of the command <c>watch</c>; null if it never ran.</summary>
    public WatchStatus? Watch { get; init; }
}

/// <summary>One run of the training program, from its progress log; commands that ran one after the other on the same data count as one run.</summary>
/// <param name="Run">Its name, or the name of the first command's run.</param>
/// <param name="State">From its last event; a killed run stays <c>running</c>.</param>
/// <param name="Stage">Stage of its last event.</param>
/// <param name="Started">Time of its first event.</param>
/// <param name="Updated">Time of its last event.</param>
/// <param name="Version">The version that it published; null if none.</param>
/// <param name="Best">Validation metrics of its best epoch by NDCG@10, or of several networks together; null if none were measured.</param>
/// <param name="BestEpoch">The best epoch; null for several networks.</param>
/// <param name="Epochs">Epochs of the retriever, oldest first; for several networks their means.</param>
public sealed record RunSummary(
    string Run, string State, string Stage, DateTimeOffset Started, DateTimeOffset Updated, string? Version,
    IReadOnlyDictionary<string, double>? Best, int? BestEpoch, IReadOnlyList<EpochFigures> Epochs)
{
    /// <summary>Total duration of its commands.</summary>
    public double Seconds { get; init; }

    /// <summary>Name of the data; null in logs of earlier versions.</summary>
    public string? Dataset { get; init; }

    /// <summary>The commands, if they ran one after the other; empty for a run of all of them.</summary>
    public IReadOnlyList<string> Commands { get; init; } = [];
}

/// <param name="Epoch">1-based.</param>
/// <param name="Loss">Mean of the epoch.</param>
/// <param name="Ndcg">NDCG@10 on validation.</param>
public sealed record EpochFigures(int Epoch, double? Loss, double Ndcg);

/// <param name="Dataset">Name of the data.</param>
/// <param name="Time">When it was exported.</param>
/// <param name="Version">The version that contains this network; null if none does.</param>
public sealed record ExportSummary(string Dataset, DateTimeOffset Time, string? Version);

/// <summary>Status of the command <c>watch</c>: <c>artifacts/watch.json</c>, and <c>watch</c> in the answer of <c>GET /training/runs</c>.</summary>
/// <param name="Dataset">Name of the data it trains on.</param>
/// <param name="Updated">When it last checked the clock and the store, which it does every half minute while it waits.</param>
public sealed record WatchStatus(string Dataset, DateTimeOffset Updated)
{
    /// <summary>False after it ended; stays true for a killed process, with an old <see cref="Updated"/>.</summary>
    public bool Running { get; init; } = true;

    /// <summary>Whether a training is running; <c>GET /training/progress</c> shows it.</summary>
    public bool Training { get; init; }

    /// <summary>The cron expression; null without one.</summary>
    public string? Schedule { get; init; }

    /// <summary>The next scheduled training.</summary>
    public DateTimeOffset? Next { get; init; }

    /// <summary>Number of new events that starts a training; null if none do.</summary>
    public int? AfterEvents { get; init; }

    /// <summary>Number of events since the last training.</summary>
    public long NewEvents { get; init; }

    /// <summary>Number of events in the store at the last training.</summary>
    public long TrainedEvents { get; init; }

    /// <summary>How the last training ended, in a sentence; a refused version is in <c>GET /models</c>.</summary>
    public string? LastOutcome { get; init; }

    public DateTimeOffset? LastEnded { get; init; }

    /// <summary>Why events cannot be counted now.</summary>
    public string? Problem { get; init; }
}

/// <summary>Names that the command lines of the training program and of the AppHost both accept.</summary>
public static class TrainingNames
{
    /// <summary>The MovieLens sample in <c>data/movielens-small</c>.</summary>
    public const string Sample = "small";

    public const string DefaultPreset = "quick";

    /// <summary>Datasets that are downloaded from GroupLens.</summary>
    public static IReadOnlyList<string> Datasets { get; } = ["ml-latest-small", "ml-100k", "ml-1m", "ml-20m", "ml-25m"];

    public static IReadOnlyList<string> Presets { get; } = ["quick", "small", "large", "huge", "sparse", "auto", "paper"];
}

/// <summary>One line of <c>artifacts/runs/RUN/progress.jsonl</c>: what a training is doing now. A step sets its own figures, the run sets the rest.</summary>
public sealed record ProgressEvent
{
    public const string Running = "running";
    public const string Completed = "completed";
    public const string Failed = "failed";

    [JsonRequired]
    public DateTimeOffset Time { get; init; }

    /// <summary>The run's name, which is also its folder's.</summary>
    [JsonRequired]
    public string Run { get; init; } = "";

    /// <summary><see cref="Running"/>, or how the whole run ended: <see cref="Completed"/>, <see cref="Failed"/>.</summary>
    [JsonRequired]
    public string State { get; init; } = Running;

    /// <summary>The running command: <c>prepare</c>, <c>train-retriever</c>, ...</summary>
    [JsonRequired]
    public string Stage { get; init; } = "";

    /// <summary>Name of the prepared data of the run.</summary>
    public string? Dataset { get; init; }

    /// <summary>1-based position of the stage among <see cref="StageCount"/>.</summary>
    public int StageNumber { get; init; } = 1;

    public int StageCount { get; init; } = 1;

    /// <summary>Completed share of the stage, 0..1.</summary>
    public double? Fraction { get; init; }

    public int? Epoch { get; init; }

    public long? Step { get; init; }

    public double? Loss { get; init; }

    public double? LearningRate { get; init; }

    public double? SequencesPerSecond { get; init; }

    /// <summary>Estimated seconds until the stage ends.</summary>
    public double? RemainingSeconds { get; init; }

    /// <summary>Validation metrics, such as <c>hr@10</c>, if the event has any. An event with metrics or a message is never dropped.</summary>
    public IReadOnlyDictionary<string, double>? Metrics { get; init; }

    /// <summary>The published version that this event reports.</summary>
    public string? Version { get; init; }

    /// <summary>One sentence for people.</summary>
    public string? Message { get; init; }

    /// <summary>Text for people, shown with the fraction: <c>3.1 of 5.9 MB, 1.2 MB/s</c>. Logged as the message if the event has none.</summary>
    [JsonIgnore]
    public string? Detail { get; init; }

    /// <summary>The share already completed by an earlier attempt.</summary>
    [JsonIgnore]
    public double ResumedAt { get; init; }
}

/// <summary>One model's metrics on one split.</summary>
/// <param name="Model"><c>popularity</c>, <c>item-knn</c>, <c>retriever</c>, <c>ranker</c>, ...</param>
/// <param name="Split"><c>validation</c> or <c>test</c>.</param>
/// <param name="Users">Number of users averaged over.</param>
/// <param name="Items">Size of the catalog that was ranked.</param>
/// <param name="Exclude">Which items were left out of the ranking: <c>history</c>, <c>window</c>, <c>none</c>.</param>
/// <param name="Metrics">By name: <c>hr@10</c>, <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@10</c>, ...</param>
public sealed record EvaluationResult(
    string Model, string Split, int Users, int Items, string Exclude, IReadOnlyDictionary<string, double> Metrics)
{
    /// <summary>The protocol comparable with published results: the model's own scores, ranked over the whole catalog.</summary>
    public const string FullRanking = "full";

    /// <summary>The evaluation protocol: <see cref="FullRanking"/>, or for example <c>sampled-uniform-100</c>.</summary>
    public string Protocol { get; init; } = FullRanking;

    /// <summary>Number of latest history items that were left out; only with <c>window</c>.</summary>
    public int? Window { get; init; }

    /// <summary>
    /// Users not counted in <see cref="Users"/> because the ranking leaves out the item to predict: they had it before. The
    /// same for all models; null if there are none.
    /// </summary>
    public int? Repeats { get; init; }

    /// <summary>True if the model also trained on the validation items; see <c>refit</c>.</summary>
    public bool? Refit { get; init; }

    /// <summary>False if the metrics are not comparable with those of a full ranking.</summary>
    [JsonIgnore]
    public bool IsComparable => Protocol == FullRanking;

    /// <summary>95% intervals of some of the metrics, by name.</summary>
    public IReadOnlyDictionary<string, ConfidenceInterval>? Intervals { get; init; }

    /// <summary>Properties of the top-ten lists; null in results of earlier versions and of sampled rankings.</summary>
    public ListQuality? Lists { get; init; }

    /// <summary>The same users in slices; null in results of earlier versions.</summary>
    public IReadOnlyList<MetricSlice>? Slices { get; init; }

    /// <summary>
    /// Maps the scores of the first ten places to the share of such places that held the next item; only on validation,
    /// and null if the scores are not informative.
    /// </summary>
    public ScoreCalibration? Calibration { get; init; }

    /// <summary>The model's result in the race of <c>auto</c>; only for its candidates, on validation.</summary>
    public RaceFigures? Race { get; init; }
}

/// <summary>Properties of all users' top-ten rankings, independent of the next item.</summary>
/// <param name="Coverage">Share of the catalog that is in at least one list.</param>
/// <param name="Novelty">Mean over all places of -log2 of the share of users who had the item, in bits: an item that everybody has scores 0.</param>
/// <param name="PopularShare">Share of all places taken by the most popular 1% of the items.</param>
/// <param name="Diversity">Mean over all pairs in a list of one minus the Jaccard index of their categories; null if no items have any.</param>
public sealed record ListQuality(double Coverage, double Novelty, double PopularShare, double? Diversity = null);

/// <param name="By"><c>history</c> (its length before the target) or <c>item popularity</c> (of the target).</param>
/// <param name="Name">The slice.</param>
/// <param name="Users">Number of users in the slice.</param>
/// <param name="Hr10">HR@10 of these users.</param>
/// <param name="Ndcg10">NDCG@10 of these users.</param>
public sealed record MetricSlice(string By, string Name, int Users, double Hr10, double Ndcg10);

/// <summary>Results of the race of <c>auto</c> on validation.</summary>
/// <param name="Reason">The reason for the choice, in one sentence.</param>
/// <param name="Users">Number of validation users.</param>
/// <param name="Figures">Results by candidate.</param>
/// <param name="Notes">Candidates that were left out, with the reason, in one sentence each.</param>
public sealed record RaceInfo(string Reason, int Users, IReadOnlyDictionary<string, RaceFigures> Figures, IReadOnlyList<string> Notes);

/// <summary>A candidate of the race, on validation; a blend is measured with weights that were fitted on other users.</summary>
/// <param name="Hr10">HR@10</param>
/// <param name="Ndcg10">NDCG@10, the deciding metric.</param>
/// <param name="Interval">95% interval of NDCG@10.</param>
/// <param name="Behind">NDCG@10 of the chosen candidate minus this one's; 0 for the chosen one itself.</param>
/// <param name="BehindInterval">95% interval of <paramref name="Behind"/>, paired by user.</param>
/// <param name="Seconds">Duration of its training, if the race or the run trained it.</param>
/// <param name="IsChosen">Whether it is the one to be published.</param>
public sealed record RaceFigures(
    double Hr10, double Ndcg10, ConfidenceInterval Interval, double Behind, ConfidenceInterval BehindInterval, double Seconds, bool IsChosen);

/// <summary>95% confidence interval of a metric over the sampling of users.</summary>
public readonly record struct ConfidenceInterval(double Low, double High);

/// <summary>Served score = sigmoid(Slope * x + Intercept), where x is the value that orders the list.</summary>
/// <param name="Slope">Positive, so that the order is kept.</param>
/// <param name="Intercept">See the formula.</param>
public sealed record ScoreCalibration(double Slope, double Intercept)
{
    public float Apply(float value) => (float)(1 / (1 + Math.Exp(-(Slope * value + Intercept))));
}

/// <summary>A candidate and the served version, on the same users' validation items.</summary>
/// <param name="Version">The served version.</param>
/// <param name="Metric">Such as <c>ndcg@10</c>.</param>
/// <param name="Users">Number of users compared.</param>
/// <param name="Served">The served version's mean.</param>
/// <param name="Candidate">The candidate's mean.</param>
/// <param name="Low">Lower end of the 95% interval of the difference, candidate minus served.</param>
/// <param name="High">Upper end of the interval.</param>
/// <param name="Refused">Whether the candidate was stored without being made current.</param>
public sealed record GateResult(string Version, string Metric, int Users, double Served, double Candidate, double Low, double High, bool Refused);
