using System.CommandLine;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Pipeline;
using Spectre.Console;

namespace NanoRecSys.Training.Commands;

internal static class EvaluateCommand
{
    private const int FewestNegatives = 10; // among fewer, every target is in the first ten

    private static readonly EvaluateOptions Defaults = new();

    private static readonly Argument<string[]> Models = new("model")
    {
        Description = "Models to evaluate, of " + string.Join(", ", EvaluatedModels.Names) + "; all that are there unless told",
        Arity = ArgumentArity.ZeroOrMore,
    };

    // The same as an option, for scripts that name everything they pass.
    private static readonly Option<string[]> NamedModels = new("--model", "--models")
    {
        Description = "The same as an option",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<string> Split = Settings.Choice(
        "--split", "The last item but one, the last (each look at test is logged), or both", "test", ["validation", "test", "both"]);

    private static readonly Option<string> Exclude = Settings.Choice(
        "--exclude", "Items left out of the ranking: the whole history, its last --window items, or none", "history", ["history", "window", "none"]);

    private static readonly Option<int> Window = Settings.Number(
        "--window", "Items that --exclude window leaves out: the last so many, as the published tables do", Defaults.Window, least: 1);

    private static readonly Option<string> Sampled = Settings.Choice(
        "--sampled", "Rank the target among sampled negatives instead of all items; not comparable with a full ranking", "no", ["no", "uniform"]);

    private static readonly Option<int> Negatives = Settings.Number("--negatives", "Sampled negatives of each user", Defaults.Negatives, least: FewestNegatives);

    private static readonly Option<bool> AddLogPopularity = new("--add-log-popularity")
    {
        Description = "Add the log of each item's popularity to its score; not comparable with the model's own scores",
    };

    private static readonly Option<bool> Slices = new("--slices")
    {
        Description = "Also by popularity of the target and by length of the history",
    };

    private static readonly Option<int> Resamples = Settings.Number(
        "--resamples", "Bootstrap resamples of the users, for the confidence intervals; 0 for none", Defaults.Resamples, least: 0);

    static EvaluateCommand()
    {
        Models.AcceptOnlyFromAmong([.. EvaluatedModels.Names]);
        NamedModels.AcceptOnlyFromAmong([.. EvaluatedModels.Names]);
    }

    public static Command Create(Verbs verbs)
    {
        Command command = verbs.Create(
            "evaluate", "Rank all items for every user and show where the next one stands",
            [NamedModels, Split, Exclude, Window, Sampled, Negatives, AddLogPopularity, Slices, Resamples],
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
        Window = parse.GetRequiredValue(Window),
        Sampled = parse.GetRequiredValue(Sampled) == "uniform",
        Negatives = parse.GetRequiredValue(Negatives),
        AddLogPopularity = parse.GetValue(AddLogPopularity),
        Slices = parse.GetValue(Slices),
        Resamples = parse.GetRequiredValue(Resamples),
    };

    private static void Show(EvaluationReport report, RunConsole console)
    {
        foreach (Table table in EvaluationTables.Create(report))
        {
            console.Write(table);
        }

        console.WriteJson(EvaluationJson.Line(report));
    }
}
