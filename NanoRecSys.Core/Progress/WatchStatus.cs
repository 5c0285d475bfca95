using System.Text.Json;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Core.Progress;

/// <summary>What the command <c>watch</c> does: <c>artifacts/watch.json</c>, and <c>watch</c> in the answer of <c>GET /training/runs</c>.</summary>
/// <param name="Dataset">Name of the data that it trains on.</param>
/// <param name="Updated">When it last looked at the clock and the store; it does so every half minute while it waits.</param>
public sealed record WatchStatus(string Dataset, DateTimeOffset Updated)
{
    private const string FileName = "watch.json";

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

    /// <returns>Null where nothing was ever watched.</returns>
    internal static WatchStatus? Read(string artifacts)
    {
        string path = Path.Combine(artifacts, FileName);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), CoreJson.Default.WatchStatus) : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    internal void Write(string artifacts)
    {
        Directory.CreateDirectory(artifacts);
        AtomicFile.Write(Path.Combine(artifacts, FileName), JsonSerializer.SerializeToUtf8Bytes(this, CoreJson.Default.WatchStatus));
    }
}
