namespace NanoRecSys.Contracts;

/// <summary>A running or finished training: answer of <c>GET /training/progress</c>.</summary>
/// <param name="Run">The run's name, or null where nothing was trained yet.</param>
/// <param name="Events">All events of the newest run, oldest first.</param>
public sealed record TrainingStatus(string? Run, IReadOnlyList<ProgressEvent> Events);

/// <summary>Answer of <c>GET /training/runs</c>.</summary>
/// <param name="Runs">Newest first.</param>
/// <param name="Exports">What <c>export</c> wrote for each data set, whether it was published or not.</param>
public sealed record TrainingRuns(IReadOnlyList<RunSummary> Runs, IReadOnlyList<ExportSummary> Exports)
{
    /// <summary>What the command <c>watch</c> waits for; null where it never ran.</summary>
    public WatchStatus? Watch { get; init; }
}

/// <summary>One run of the training program, out of its progress; commands that were run one after the other on the same data are one run.</summary>
/// <param name="Run">Its name, or that of the first command.</param>
/// <param name="State">As in its last event; a run that was killed says <c>running</c> forever.</param>
/// <param name="Stage">The stage of its last event.</param>
/// <param name="Started">Of its first event.</param>
/// <param name="Updated">Of its last event.</param>
/// <param name="Version">What it published; null where it published nothing.</param>
/// <param name="Best">Validation figures of its best epoch by NDCG@10; null where none were measured.</param>
/// <param name="BestEpoch">That epoch.</param>
/// <param name="Epochs">Of the retriever, oldest first.</param>
public sealed record RunSummary(
    string Run, string State, string Stage, DateTimeOffset Started, DateTimeOffset Updated, string? Version,
    IReadOnlyDictionary<string, double>? Best, int? BestEpoch, IReadOnlyList<EpochFigures> Epochs)
{
    /// <summary>Seconds that its commands ran for.</summary>
    public double Seconds { get; init; }

    /// <summary>Name of the data; null in logs of earlier versions.</summary>
    public string? Dataset { get; init; }

    /// <summary>The commands, where they were run one after the other; empty for a run of all of them.</summary>
    public IReadOnlyList<string> Commands { get; init; } = [];
}

/// <param name="Epoch">1-based.</param>
/// <param name="Loss">Mean of the epoch.</param>
/// <param name="Ndcg">NDCG@10 on validation.</param>
public sealed record EpochFigures(int Epoch, double? Loss, double Ndcg);

/// <param name="Dataset">Name of the data.</param>
/// <param name="Time">When it was exported.</param>
/// <param name="Version">The version that holds this network; null while none does.</param>
public sealed record ExportSummary(string Dataset, DateTimeOffset Time, string? Version);

/// <summary>What the command <c>watch</c> does: <c>artifacts/watch.json</c>, and <c>watch</c> in the answer of <c>GET /training/runs</c>.</summary>
/// <param name="Dataset">Name of the data that it trains on.</param>
/// <param name="Updated">When it last looked at the clock and the store; it does so every half minute while it waits.</param>
public sealed record WatchStatus(string Dataset, DateTimeOffset Updated)
{
    /// <summary>False after it ended; a process that was killed says true, with an old <see cref="Updated"/>.</summary>
    public bool Running { get; init; } = true;

    /// <summary>Whether a training runs, which <c>GET /training/progress</c> shows.</summary>
    public bool Training { get; init; }

    /// <summary>The cron expression; null without one.</summary>
    public string? Schedule { get; init; }

    /// <summary>The next training by the schedule.</summary>
    public DateTimeOffset? Next { get; init; }

    /// <summary>How many new events start a training; null where they start none.</summary>
    public int? AfterEvents { get; init; }

    /// <summary>Events since the last training.</summary>
    public long NewEvents { get; init; }

    /// <summary>Events that the store had at the last training.</summary>
    public long TrainedEvents { get; init; }

    /// <summary>How the last training ended, in a sentence; a refused version is in <c>GET /models</c>.</summary>
    public string? LastOutcome { get; init; }

    public DateTimeOffset? LastEnded { get; init; }

    /// <summary>Why events cannot be counted at the moment.</summary>
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
