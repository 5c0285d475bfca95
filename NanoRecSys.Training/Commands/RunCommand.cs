using System.CommandLine;
using Spectre.Console;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

/// <summary>The whole pipeline in order; each stage is a command of its own, too.</summary>
internal static class RunCommand
{
    private const int Stages = 8;
    private const string Auto = "auto";
    private const double RetrieverShare = 0.6; // of --budget

    private static readonly Option<string> PresetName = Choice(
        "--preset", "Sizes and hyper-parameters; auto chooses by the size of the data and compares other models with the network on validation, paper has the sizes of nanoRecSys", Presets.Names, "quick");

    private static readonly Option<string> FinalFit = Choice(
        "--final-fit", "Continue the network on all interactions, the held-out ones too, before it is published; auto does so with --preset auto",
        [Auto, "yes", "no"], Auto);

    private static readonly Option<bool> IfNoModel = Flag(
        "--if-no-model", "Do nothing if a version is already published, or if another training is running in this folder");

    private static readonly Option<bool> Force = Flag("--force", PublishCommand.ForceDescription);

    public static Command Create(CommandFactory factory) => factory.Create(
        "run", "Run all steps, from the ratings to a published version", [PresetName, RaceCommand.Budget, FinalFit, IfNoModel, Force, .. PrepareCommand.Settings],
        parse => Stages + (IsAuto(parse) ? 1 : 0) + (IsFitted(parse) ? 1 : 0),
        (parse, run) => RunAsync(run, parse.GetRequiredValue(PresetName), RaceCommand.SecondsOf(parse), IsFitted(parse), PrepareCommand.Read(parse),
            new PublishOptions { Force = parse.GetValue(Force) }),
        (parse, workspace, isBusy) => parse.GetValue(IfNoModel) ? WhyNeedless(workspace, isBusy) : null, prepares: _ => true);

    private static bool IsAuto(ParseResult parse) => parse.GetRequiredValue(PresetName) == Auto;

    private static bool IsFitted(ParseResult parse) => parse.GetRequiredValue(FinalFit) is var fit && (fit == "yes" || (fit == Auto && IsAuto(parse)));

    private static async Task RunAsync(TrainingRun run, string preset, double budget, bool isFitted, PrepareOptions prepare, PublishOptions publish)
    {
        var watch = Stopwatch.StartNew();
        DatasetSummary data = await run.StageAsync("prepare", context => PrepareStep.RunAsync(prepare, context));
        PrepareCommand.ShowCounts(data, run.Console);
        Preset chosen = Presets.Get(preset, data);
        bool hasRanker = preset == Auto || !chosen.Refit; // the race compares it; else a refit takes its place
        run.StageCount -= hasRanker ? 0 : 2;
        await run.StageAsync("train-retriever", context =>
        {
            context.Progress.Report(new ProgressEvent { Message = chosen.Describe(chosen.Retriever) });
            return TrainRetrieverStep.RunAsync(
                chosen.Retriever with { MaxSeconds = Math.Min(chosen.Retriever.MaxSeconds, RetrieverShare * budget) }, context);
        });
        if (hasRanker)
        {
            await run.StageAsync("mine-negatives", context => MineNegativesStep.RunAsync(chosen.Negatives, context));
            await run.StageAsync("train-ranker", context => TrainRankerStep.RunAsync(chosen.Ranker, context));
        }

        RaceOutcome? race = preset != Auto ? null : await run.StageAsync("race", context =>
            RaceStep.RunAsync(new RaceOptions { MaxSeconds = Math.Max(0, budget - watch.Elapsed.TotalSeconds) }, context));
        isFitted &= race?.Chosen != "ranker"; // it was trained on this retriever's embeddings
        if (chosen.Refit && race?.Chosen != "ranker")
        {
            run.StageCount++;
            await run.StageAsync("refit", RefitStep.RunAsync);
        }

        EvaluationReport evaluated = await run.StageAsync("evaluate", context => EvaluateStep.RunAsync(new EvaluateOptions(), context));
        if (isFitted)
        {
            await run.StageAsync("final-fit", context => FinalFitStep.RunAsync(new FinalFitOptions(), context));
        }

        await run.StageAsync("export", context => ExportStep.RunAsync(new ExportOptions { UseFinalFit = isFitted }, context));
        await run.StageAsync("index", context => IndexStep.RunAsync(new IndexOptions(), context));
        PublishSummary published = await run.StageAsync("publish", context => PublishStep.RunAsync(publish, context));
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
        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn(new TableColumn("stage").NoWrap()).AddColumn(new TableColumn("time").RightAligned()).AddColumn(new TableColumn("share").RightAligned());
        foreach ((string stage, TimeSpan took) in timings)
        {
            table.AddRow(stage, ProgressText.Duration(took), (took / total).ToString("P0", CultureInfo.InvariantCulture));
        }

        return table.AddRow("total", ProgressText.Duration(total), "");
    }
}
