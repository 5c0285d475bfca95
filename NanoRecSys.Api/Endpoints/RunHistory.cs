using System.Collections.Concurrent;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.Api.Training;

/// <summary>The newest runs, summed up. A run's log only grows, so one of the same length is not read again.</summary>
internal sealed class RunHistory(ArtifactStore store)
{
    private const int MostRuns = 20;
    private const string Headline = "ndcg@10";
    private const string Retriever = "train-retriever";

    private readonly ConcurrentDictionary<string, (long Length, RunSummary Summary)> _known = new(StringComparer.Ordinal);

    /// <summary>Newest first.</summary>
    public IReadOnlyList<RunSummary> Read()
    {
        FileInfo[] logs = Directory.Exists(store.RunsFolder)
            ? [.. new DirectoryInfo(store.RunsFolder).EnumerateDirectories()
                .OrderByDescending(folder => folder.Name, StringComparer.Ordinal)
                .Select(folder => new FileInfo(Path.Combine(folder.FullName, ProgressLog.FileName)))
                .Where(log => log.Exists)
                .Take(MostRuns)]
            : [];
        foreach (string gone in _known.Keys.Except(logs.Select(log => log.FullName)))
        {
            _known.TryRemove(gone, out _);
        }

        return [.. logs.Select(Read).OfType<RunSummary>()];
    }

    private RunSummary? Read(FileInfo log)
    {
        long length = log.Length;
        if (_known.TryGetValue(log.FullName, out (long Length, RunSummary Summary) known) && known.Length == length)
        {
            return known.Summary;
        }

        if (Sum(log.Directory!.Name, ProgressLog.Read(log.DirectoryName!)) is not { } summary)
        {
            return null; // its first line is still being written
        }

        _known[log.FullName] = (length, summary);
        return summary;
    }

    private static RunSummary? Sum(string run, IReadOnlyList<ProgressEvent> events)
    {
        if (events is not [ProgressEvent first, ..])
        {
            return null;
        }

        // The ranker's epochs order candidates only: their figures would not stand beside those of the whole catalogue.
        ProgressEvent[] epochs = [.. events.Where(progress =>
            progress.Stage == Retriever && progress.Epoch is not null && progress.Metrics?.ContainsKey(Headline) == true)];
        ProgressEvent? best = epochs.MaxBy(progress => progress.Metrics![Headline]);
        string? published = events.LastOrDefault(progress => progress.Version is not null)?.Version;
        return new RunSummary(
            run, events[^1].State, events[^1].Stage, first.Time, events[^1].Time, published is not null && VersionName.IsWellFormed(published) ? published : null,
            best?.Metrics, best?.Epoch, [.. epochs.Select(progress => new EpochFigures(progress.Epoch!.Value, progress.Loss, progress.Metrics![Headline]))]);
    }
}
