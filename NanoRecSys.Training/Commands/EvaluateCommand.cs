using System.CommandLine;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class EvaluateCommand
{
    private static readonly Argument<string[]> Models = new("model")
    {
        Description = "Models to evaluate, of " + string.Join(", ", Scorers.Names) + "; all that are there unless told",
        Arity = ArgumentArity.ZeroOrMore,
    };

    // The same as an option, for scripts that name everything they pass.
    private static readonly Option<string[]> NamedModels = new("--model")
    {
        Description = "The same as an option",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<string> Split = Settings.Choice(
        "--split", "The last item but one, the last (each look at test is logged), or both", "test", ["validation", "test", "both"]);

    private static readonly Option<string> Exclude = Settings.Choice(
        "--exclude", "Items left out of the ranking: the whole history, the window that the model reads, or none", "history", ["history", "window", "none"]);

    static EvaluateCommand()
    {
        Models.AcceptOnlyFromAmong([.. Scorers.Names]);
        NamedModels.AcceptOnlyFromAmong([.. Scorers.Names]);
    }

    public static Command Create(Verbs verbs)
    {
        Command command = verbs.Create(
            "evaluate", "Rank all items for every user and show where the next one stands", [NamedModels, Split, Exclude],
            (parse, context) => EvaluateStep.RunAsync(Read(parse), context),
            Show);
        command.Arguments.Add(Models);
        return command;
    }

    private static EvaluateOptions Read(ParseResult parse) => new()
    {
        Models = [.. parse.GetValue(Models) ?? [], .. parse.GetValue(NamedModels) ?? []],
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
