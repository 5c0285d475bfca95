namespace NanoRecSys.Core.Progress;

/// <summary>Appends to and reads a run's <c>progress.jsonl</c>.</summary>
internal static class ProgressLog
{
    public const string FileName = "progress.jsonl";

    public static void Append(string runFolder, ProgressEvent progress)
    {
        Directory.CreateDirectory(runFolder);
        string line = JsonSerializer.Serialize(WithoutNonNumbers(progress), CoreJson.Default.ProgressEvent) + "\n";
        File.AppendAllText(Path.Combine(runFolder, FileName), line);
    }

    /// <summary>All events so far; an incomplete last line is left for the next read.</summary>
    public static IReadOnlyList<ProgressEvent> Read(string runFolder)
    {
        string path = Path.Combine(runFolder, FileName);
        if (!File.Exists(path))
        {
            return [];
        }

        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using StreamReader reader = new(file);
        string text = reader.ReadToEnd();
        int end = text.LastIndexOf('\n') + 1;
        return [.. text[..end].Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(Parse).OfType<ProgressEvent>()];
    }

    // JSON has no NaN, but a diverging training must be able to report its progress.
    private static ProgressEvent WithoutNonNumbers(ProgressEvent progress) => progress with
    {
        Loss = progress.Loss is { } loss && double.IsFinite(loss) ? loss : null,
        Metrics = progress.Metrics?.Where(metric => double.IsFinite(metric.Value)).ToDictionary(),
    };

    // A run that was killed while writing leaves half a line, which the next run of that name continues.
    private static ProgressEvent? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, CoreJson.Default.ProgressEvent);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The newest run's folder, or null if nothing was trained yet.</summary>
    public static string? NewestRun(string runsFolder) => !Directory.Exists(runsFolder)
        ? null
        : Directory.EnumerateDirectories(runsFolder)
            .Where(folder => File.Exists(Path.Combine(folder, FileName)))
            .OrderByDescending(folder => Path.GetFileName(folder), StringComparer.Ordinal)
            .FirstOrDefault();
}

/// <summary><c>artifacts/watch.json</c>: the status of the command <c>watch</c>.</summary>
internal static class WatchFile
{
    private const string FileName = "watch.json";

    /// <returns>Null if <c>watch</c> never ran.</returns>
    public static WatchStatus? Read(string artifacts)
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

    public static void Write(string artifacts, WatchStatus status)
    {
        Directory.CreateDirectory(artifacts);
        AtomicFile.Write(Path.Combine(artifacts, FileName), JsonSerializer.SerializeToUtf8Bytes(status, CoreJson.Default.WatchStatus));
    }
}
