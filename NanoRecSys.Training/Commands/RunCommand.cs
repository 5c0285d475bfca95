using System.CommandLine;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class RunCommand
{
    private static readonly Option<string> Preset = Settings.Choice(
        "--preset", "Sizes and hyper-parameters (auto goes by the data's size, paper is the reference size)", "quick", [.. Presets.Names]);

    private static readonly Option<bool> IfNoModel = new("--if-no-model")
    {
        Description = "Do nothing if a version is published already, or if another training is making one in this folder",
    };

    public static Command Create(Verbs verbs) => verbs.Create(
        "run", "Everything in order, from the ratings to a published version", [Preset, IfNoModel, .. PrepareCommand.Options], PresetRun.Stages,
        async (parse, run) => Show(await PresetRun.RunAsync(run, parse.GetRequiredValue(Preset), PrepareCommand.Read(parse)), run),
        (parse, workspace, isBusy) => parse.GetValue(IfNoModel) ? WhyNeedless(workspace, isBusy) : null);

    private static string? WhyNeedless(Workspace workspace, bool isBusy) =>
        workspace.Store.ReadCurrent() is { } version ? $"Version {version} is published in {workspace.Store.Root} already: nothing to train."
        : isBusy ? $"Another process is training in {workspace.Store.Root}; its model will be served here, too."
        : null;

    private static void Show(PresetRunSummary summary, TrainingRun run)
    {
        run.Console.Write(TimingTable.Create(run.Timings));
        IReadOnlyList<EvaluationResult> test = [.. summary.Results.Where(result => result.Split == NextItemRanking.NameOf(HeldOut.Test))];
        run.Console.Write(MetricsTable.Create(test));
        run.Console.WriteLine(summary.Published.Ranker);
        run.Console.WriteLine($"Version {summary.Published.Version} is current: {summary.Published.Folder}");
        run.Console.WriteJson(EvaluationJson.Line(new EvaluationReport(test, [])));
    }
}
