using System.CommandLine;
using Spectre.Console;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class RaceCommand
{
    public static readonly Option<double> Budget = PositiveReal("--budget", "Minutes for the race's trainings; models that do not fit are left out (default: no limit)");

    private static readonly Option<string> Chosen = Text("--choose", "Candidate to publish whatever the comparison says, for example blend (default: by validation)", "NAME");

    public static Command Create(CommandFactory factory) => factory.Create(
        "race", "Compare the retriever, the ranker, item-item models and blends on validation, and choose the one that 'publish' serves", [Budget, Chosen],
        (parse, context) => RaceStep.RunAsync(new RaceOptions { MaxSeconds = SecondsOf(parse), Choose = parse.GetValue(Chosen) }, context), Show);

    public static double SecondsOf(ParseResult parse) => parse.GetValue(Budget) is > 0 and var minutes ? 60 * minutes : double.PositiveInfinity;

    public static void Show(RaceOutcome outcome, RunConsole console)
    {
        console.Write(TableOf(outcome));
        foreach (string note in outcome.Notes)
        {
            console.WriteLine(note);
        }

        console.WriteLine(outcome.Reason);
    }

    public static Table TableOf(RaceOutcome outcome)
    {
        Table table = RunConsole.CreateTable(["candidate"], ["HR@10", "NDCG@10", "95% interval", "behind the choice", "95% interval", "training"]);
        foreach ((string name, RaceFigures figures) in outcome.Figures.OrderByDescending(pair => pair.Value.Ndcg10))
        {
            table.AddRow(
                figures.IsChosen ? $"{name} (chosen)" : name, $"{figures.Hr10:F4}", $"{figures.Ndcg10:F4}", $"{figures.Interval.Low:F4} to {figures.Interval.High:F4}",
                figures.IsChosen ? "" : $"{figures.Behind:F4}", figures.IsChosen ? "" : $"{figures.BehindInterval.Low:F4} to {figures.BehindInterval.High:F4}",
                figures.Seconds > 0 ? $"{figures.Seconds:N1} s" : "");
        }

        return table.Caption($"Validation, {outcome.Users:N0} users, paired by user; blends judged on users other than those their weights were fitted on");
    }
}
