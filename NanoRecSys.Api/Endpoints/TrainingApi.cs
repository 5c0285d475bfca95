using System.Collections.Concurrent;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.Api.Endpoints;

/// <summary><c>GET /training/progress</c>: the newest run's progress so far. <c>GET /training/runs</c>: a summary of each run.</summary>
internal static class TrainingApi
{
    public static void AddTraining(this WebApplicationBuilder builder) => builder.Services.AddSingleton<RunHistory>();

    public static void MapTraining(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder training = app.MapGroup("/training").WithTags("Training");
        training.MapGet("/progress", GetProgress).WithSummary("Events of the newest training run, oldest first");
        training.MapGet("/runs", (RunHistory runs) => runs.Read())
            .WithSummary("A summary of the last twenty runs, and the export of each data set");
    }

    private static TrainingStatus GetProgress(ArtifactStore store) => ProgressLog.NewestRun(store.RunsFolder) is { } folder
        ? new TrainingStatus(Path.GetFileName(folder), ProgressLog.Read(folder))
        : new TrainingStatus(null, []);
}

/// <summary>Summarizes the newest runs from their progress logs. A log only grows, so one with an unchanged length is not read again.</summary>
internal sealed class RunHistory(ArtifactStore store)
{
    private const int MostRuns = 20;
    private const int MostLogs = 100; // a run may be one log, or one for each of its commands
    private const string Headline = "ndcg@10";
    private const string Retriever = "train-retriever";
    private const string Export = "export";
    private const string Evaluate = "evaluate"; // changes no model

    private static readonly string[] Order = ["prepare", Retriever, "mine-negatives", "train-ranker", Export, "index", "publish"];

    private readonly ConcurrentDictionary<string, (long Length, Run Run)> _known = new(StringComparer.Ordinal);

    /// <summary>Newest first.</summary>
    public TrainingRuns Read()
    {
        FileInfo[] logs = Directory.Exists(store.RunsFolder)
            ? [.. new DirectoryInfo(store.RunsFolder).EnumerateDirectories()
                .OrderByDescending(folder => folder.Name, StringComparer.Ordinal)
                .Select(folder => new FileInfo(Path.Combine(folder.FullName, ProgressLog.FileName)))
                .Where(log => log.Exists)
                .Take(MostLogs)]
            : [];
        foreach (string gone in _known.Keys.Except(logs.Select(log => log.FullName)))
        {
            _known.TryRemove(gone, out _);
        }

        Run[] runs = [.. logs.Select(Read).OfType<Run>()];
        return new TrainingRuns([.. Joined(runs).Take(MostRuns)], [.. Exports(runs).OrderBy(export => export.Dataset, StringComparer.Ordinal)])
        {
            Watch = WatchFile.Read(store.Root),
        };
    }

    // Run separately, "prepare", "train-retriever" and so on do the same as "run" and count as one run, which ends when a command is repeated.
    private static List<RunSummary> Joined(Run[] newestFirst)
    {
        List<RunSummary> joined = [];
        foreach (RunSummary run in newestFirst.Select(run => run.Summary).Where(run => run is not { Commands: [Evaluate], State: ProgressEvent.Completed }))
        {
            if (joined is [.., { Commands: [var next, ..] } later] && run.Commands is [var command] && run.State == ProgressEvent.Completed
                && run.Dataset == later.Dataset && Array.IndexOf(Order, command) is >= 0 and var place && place < Array.IndexOf(Order, next))
            {
                joined[^1] = later with
                {
                    Run = run.Run,
                    Started = run.Started,
                    Seconds = later.Seconds + run.Seconds,
                    Version = later.Version ?? run.Version,
                    Best = later.Best ?? run.Best,
                    BestEpoch = later.BestEpoch ?? run.BestEpoch,
                    Epochs = later.Epochs.Count > 0 ? later.Epochs : run.Epochs,
                    Commands = [command, .. later.Commands],
                };
            }
            else
            {
                joined.Add(run);
            }
        }

        return joined;
    }

    // The newest export of each data set; a version published by a later run may contain it.
    private static IEnumerable<ExportSummary> Exports(Run[] newestFirst)
    {
        foreach (IGrouping<string, Run> runs in newestFirst.Where(run => run.Summary.Dataset is not null).GroupBy(run => run.Summary.Dataset!, StringComparer.Ordinal))
        {
            Run[] since = [.. runs.TakeWhile(run => run.Exported is null)];
            if (runs.ElementAtOrDefault(since.Length) is { Exported: { } time } export)
            {
                yield return new ExportSummary(runs.Key, time, since.Select(run => run.Summary.Version).FirstOrDefault(version => version is not null) ?? export.Summary.Version);
            }
        }
    }

    private Run? Read(FileInfo log)
    {
        long length = log.Length;
        if (_known.TryGetValue(log.FullName, out (long Length, Run Run) known) && known.Length == length)
        {
            return known.Run;
        }

        if (Sum(log.Directory!.Name, ProgressLog.Read(log.DirectoryName!)) is not { } run)
        {
            return null; // its first line is still being written
        }

        _known[log.FullName] = (length, run);
        return run;
    }

    private static Run? Sum(string name, IReadOnlyList<ProgressEvent> events)
    {
        if (events is not [ProgressEvent first, ..] || events[^1] is not { } last)
        {
            return null;
        }

        // The ranker's epochs only order candidates: their metrics are not comparable with those over the whole catalog.
        ProgressEvent[] validated = [.. events.Where(progress => progress.Stage == Retriever && progress.Metrics?.ContainsKey(Headline) == true)];
        // Each of several networks reports its own epochs; the figures of all together follow without an epoch.
        ILookup<int?, ProgressEvent> byEpoch = validated.ToLookup(progress => progress.Epoch);
        ProgressEvent? best = byEpoch[null].LastOrDefault() ?? validated.MaxBy(progress => progress.Metrics![Headline]);
        string? published = events.LastOrDefault(progress => progress.Version is not null)?.Version;
        var summary = new RunSummary(
            name, last.State, last.Stage, first.Time, last.Time, published is not null && VersionName.IsWellFormed(published) ? published : null,
            best?.Metrics, best?.Epoch,
            [.. byEpoch.Where(of => of.Key is not null).OrderBy(of => of.Key).Select(of => new EpochFigures(
                of.Key!.Value, of.Average(progress => progress.Loss), of.Average(progress => progress.Metrics![Headline])))])
        {
            Seconds = (last.Time - first.Time).TotalSeconds,
            Dataset = last.Dataset,
            Commands = events.All(progress => progress.Stage == last.Stage) && last.StageCount == 1 ? [last.Stage] : [],
        };
        // The stage is over if another one follows, or if the run ends with it.
        ProgressEvent? exported = events.LastOrDefault(progress => progress.Stage == Export);
        bool isOver = exported is not null && (exported != last || last.State == ProgressEvent.Completed);
        return new Run(summary, isOver ? exported!.Time : null);
    }

    /// <param name="Exported">When its export ended; null without an export.</param>
    private sealed record Run(RunSummary Summary, DateTimeOffset? Exported);
}
