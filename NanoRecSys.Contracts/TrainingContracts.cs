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
