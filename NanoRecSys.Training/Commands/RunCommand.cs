using System.CommandLine;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class RunCommand
{
    private static readonly Option<string> Preset = new("--preset")
    {
        Description = "Sizes and hyper-parameters: quick (the sample in about two minutes), small, auto (chosen by the data's size) or paper (the reference size)",
        DefaultValueFactory = _ => "quick",
    };

    static RunCommand() => Preset.AcceptOnlyFromAmong("quick", "small", "auto", "paper");

    public static Command Create(Verbs verbs) => verbs.Create(
        "run", "Everything in order, from the ratings to a published version", [Preset], PresetRun.Stages,
        async (parse, run) =>
        {
            var prepare = new PrepareOptions { Data = parse.GetRequiredValue(CommonOptions.Data) };
            Show(await PresetRun.RunAsync(run, prepare), run);
        });

    private static void Show(IReadOnlyList<EvaluationResult> results, TrainingRun run)
    {
        run.Console.Write(TimingTable.Create(run.Timings));
        IReadOnlyList<EvaluationResult> test = [.. results.Where(result => result.Split == FullRanking.NameOf(HeldOut.Test))];
        run.Console.Write(MetricsTable.Create(test));
        run.Console.WriteJson(EvaluationJson.Line(test));
    }
}
