using System.CommandLine;
using Spectre.Console;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

/// <summary>The whole pipeline in order; each stage is also a command of its own.</summary>
internal static class RunCommand
{
    public const string Name = "run";

    private const int Stages = 8;
    private const string Auto = "auto";
    // Shares of --budget. A refit takes as long as the training, so the two share one part; the final fit gets what the race leaves.
    private const double RetrieverShare = 0.5;
    private const double RankerShare = 0.15;
    private const double RaceEnd = 0.9;

    private static readonly Option<string> PresetName = Choice(
        "--preset", "Sizes and hyper-parameters; auto chooses by the size of the data and compares other models with the network on validation, quick compares only fast ones, paper has the sizes of nanoRecSys", TrainingNames.Presets, "quick");

    private static readonly Option<string> FinalFit = Choice(
        "--final-fit", "Continue training on all interactions, including held-out ones, before publishing; auto does so with --preset auto",
        [Auto, "yes", "no"], Auto);

    private static readonly Option<bool> IfNoModel = Flag(
        "--if-no-model", "Do nothing if a version is already published, or if another training is running in this folder");

    private static readonly Option<bool> Force = Flag("--force", PublishCommand.ForceDescription);

    /// <summary>Shared with <c>watch</c>.</summary>
    public static readonly Option[] Settings = [PresetName, RaceCommand.Budget, FinalFit, PublishCommand.AllowedLoss, .. PrepareCommand.Settings];

    public static Command Create(CommandFactory factory) => factory.Create(
        Name, "Run all steps, from the ratings to a published version; the same command continues an interrupted run", [IfNoModel, Force, .. Settings],
        parse => StagesOf(Read(parse)), (parse, run) => RunAsync(run, Read(parse)),
        (parse, workspace, isBusy) => parse.GetValue(IfNoModel) ? WhyNeedless(workspace, isBusy) : null, prepares: _ => true);

    public static RunOptions Read(ParseResult parse)
    {
        string preset = parse.GetRequiredValue(PresetName);
        string fit = parse.GetRequiredValue(FinalFit);
        return new RunOptions(string.Join(' ', parse.Tokens.Select(token => token.Value)), data => Presets.Get(preset, data), PrepareCommand.Read(parse))
        {
            Race = preset == Auto ? new RaceOptions() : preset == Presets.Quick.Name ? new RaceOptions { HasEase = false } : null,
            IsFitted = fit == "yes" || (fit == Auto && preset == Auto),
            BudgetSeconds = RaceCommand.SecondsOf(parse),
            Publish = new PublishOptions { Force = parse.GetValue(Force), AllowedLoss = parse.GetValue(PublishCommand.AllowedLoss) },
        };
    }

    public static int StagesOf(RunOptions options) => Stages + (options.Race is null ? 0 : 1) + (options.IsFitted ? 1 : 0);

    /// <summary>A new run, or the rest of an interrupted one.</summary>
    public static async Task RunAsync(TrainingRun run, RunOptions options)
    {
        RunJournal journal = await RunJournal.OpenAsync(run, options.Command, options.Prepare.Data);
        try
        {
            await RunAsync(run, options, journal);
        }
        catch (UserErrorException)
        {
            journal.Close(); // a retry would fail the same way
            throw;
        }

        journal.Close();
    }

    private static async Task RunAsync(TrainingRun run, RunOptions options, RunJournal journal)
    {
        var watch = Stopwatch.StartNew();
        Workspace workspace = run.Context.Workspace;
        await journal.StageAsync("prepare", context => PrepareStep.RunAsync(options.Prepare, context));
        PreparedData data = await PreparedData.LoadAsync(workspace.DataFolder, run.Context.Cancellation);
        PrepareCommand.ShowCounts(data.Summary, run.Console);
        Preset chosen = options.Preset(data.Summary);
        bool hasRanker = !chosen.Refit; // which replaces the ranker
        double budget = options.BudgetSeconds;
        double retriever = budget * (chosen.Refit ? RetrieverShare / 2 : RetrieverShare);
        run.StageCount -= hasRanker ? 0 : 2;
        await journal.StageAsync("train-retriever", (isInterrupted, context) =>
        {
            context.Progress.Report(new ProgressEvent { Message = chosen.Describe(chosen.Retriever) });
            return TrainRetrieverStep.RunAsync(chosen.Retriever with
            {
                MaxSeconds = Math.Min(chosen.Retriever.MaxSeconds, retriever),
                IsInterrupted = isInterrupted,
                WarmStart = options.WarmStart,
            }, context);
        });
        if (hasRanker)
        {
            await journal.StageAsync("mine-negatives", context => MineNegativesStep.RunAsync(chosen.Negatives, context));
            await journal.StageAsync("train-ranker", (isInterrupted, context) => TrainRankerStep.RunAsync(
                chosen.Ranker with { IsInterrupted = isInterrupted, MaxSeconds = RankerShare * budget }, context));
        }

        RaceOutcome? race = null;
        if (options.Race is { } settings)
        {
            double end = budget * (chosen.Refit ? RaceEnd - RetrieverShare / 2 : RaceEnd);
            await journal.StageAsync("race", context => RaceStep.RunAsync(settings with { MaxSeconds = Math.Max(0, end - watch.Elapsed.TotalSeconds) }, context));
            race = RaceOutcome.Find(workspace, data);
        }

        bool isFitted = options.IsFitted && race?.Chosen != "ranker"; // the ranker was trained on this retriever's embeddings
        if (chosen.Refit)
        {
            run.StageCount++;
            await journal.StageAsync("refit", RefitStep.RunAsync);
        }

        EvaluationReport evaluated = await run.StageAsync("evaluate", context => EvaluateStep.RunAsync(new EvaluateOptions(), context));
        if (isFitted)
        {
            await journal.StageAsync("final-fit", context => FinalFitStep.RunAsync(new FinalFitOptions(), context));
        }

        await run.StageAsync("export", context => ExportStep.RunAsync(new ExportOptions { UseFinalFit = isFitted }, context));
        await run.StageAsync("index", context => IndexStep.RunAsync(new IndexOptions(), context));
        PublishSummary published = await run.StageAsync("publish", context => PublishStep.RunAsync(options.Publish, context));
        Show(evaluated.Results, race, published, run);
    }

    private static string? WhyNeedless(Workspace workspace, bool isBusy)
    {
        if (workspace.Store.ReadCurrent() is { } version)
        {
            return $"Version {version} is already published in {workspace.Store.Root}: nothing to train.";
        }

        return isBusy ? $"Another process is training in {workspace.Store.Root}; its model will be served here, too." : null;
    }

    private static void Show(IReadOnlyList<EvaluationResult> results, RaceOutcome? race, PublishSummary published, TrainingRun run)
    {
        run.Console.Write(Timings(run.Timings));
        IReadOnlyList<EvaluationResult> test = [.. results.Where(result => result.Split == NextItemRanking.NameOf(HeldOut.Test))];
        run.Console.Write(MetricsTable.Create(test));
        if (race is not null)
        {
            run.Console.Write(RaceCommand.TableOf(race));
        }

        run.Console.WriteLine(published.Ranker);
        run.Console.WriteLine($"Version {published.Version} is current: {published.Folder}");
        run.Console.WriteJson(EvaluationJson.Line(new EvaluationReport(test, [])));
    }

    private static Table Timings(IReadOnlyList<(string Stage, TimeSpan Took)> timings)
    {
        TimeSpan total = new(timings.Sum(timing => timing.Took.Ticks));
        Table table = RunConsole.CreateTable(["stage"], ["time", "share"]);
        foreach ((string stage, TimeSpan took) in timings)
        {
            table.AddRow(stage, ProgressText.Duration(took), (took / total).ToString("P0", CultureInfo.InvariantCulture));
        }

        return table.AddRow("total", ProgressText.Duration(total), "");
    }
}

/// <param name="Command">Its name: an interrupted run of the same name is continued.</param>
/// <param name="Preset">Chooses sizes and hyper-parameters for the data.</param>
internal sealed record RunOptions(string Command, Func<DatasetSummary, Preset> Preset, PrepareOptions Prepare)
{
    /// <summary>Null for no race.</summary>
    public RaceOptions? Race { get; init; }

    public bool IsFitted { get; init; }

    /// <summary>Time limit of the trainings.</summary>
    public double BudgetSeconds { get; init; } = double.PositiveInfinity;

    public PublishOptions Publish { get; init; } = new();

    /// <summary>Whether the retriever's training starts from the served weights.</summary>
    public bool WarmStart { get; init; }
}
