using System.CommandLine;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class EvaluateCommand
{
    private static readonly Option<string[]> Models = new("--model")
    {
        Description = "Models to evaluate, of " + string.Join(", ", Scorers.Names) + "; without it all that are there",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<string> Split = Settings.Choice(
        "--split", "The last item but one, the last (each look at test is logged), or both", "test", ["validation", "test", "both"]);

    private static readonly Option<string> Exclude = Settings.Choice(
        "--exclude", "Items left out of the ranking: the whole history, the window that the model reads, or none", "history", ["history", "window", "none"]);

    static EvaluateCommand() => Models.AcceptOnlyFromAmong([.. Scorers.Names]);

    public static Command Create(Verbs verbs) => verbs.Create(
        "evaluate", "Rank all items for every user and show where the next one stands", [Models, Split, Exclude],
        (parse, context) => EvaluateStep.RunAsync(Read(parse), context),
        Show);

    private static EvaluateOptions Read(ParseResult parse) => new()
    {
        Models = parse.GetValue(Models) ?? [],
        Splits = parse.GetRequiredValue(Split) switch
        {
            "validation" => [HeldOut.Validation],
            "test" => [HeldOut.Test],
            _ => [HeldOut.Validation, HeldOut.Test],
        },
        Exclude = Enum.Parse<Exclusion>(parse.GetRequiredValue(Exclude), ignoreCase: true),
    };

    private static void Show(IReadOnlyList<EvaluationResult> results, RunConsole console)
    {
        console.Write(MetricsTable.Create(results));
        console.WriteJson(EvaluationJson.Line(results));
    }
}
