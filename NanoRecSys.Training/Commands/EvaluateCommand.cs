using System.CommandLine;
using Spectre.Console;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class EvaluateCommand
{
    private const int FewestNegatives = 10; // with fewer, every target is in the top ten

    private static readonly EvaluateOptions Defaults = new() { Splits = [HeldOut.Test] };

    private static readonly Argument<string[]> Models = new("model")
    {
        Description = $"Models to evaluate (default: all trained ones): {string.Join(", ", EvaluatedModels.Names)}",
        Arity = ArgumentArity.ZeroOrMore,
    };

    // For scripts that only pass named options.
    private static readonly Option<string[]> NamedModels = new("--model", "--models")
    {
        Description = "The models, as an option",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly OptionSet<EvaluateOptions> Settings = new()
    {
        { Choice("--split", "Evaluate on the second-to-last item, on the last (every evaluation on test is logged), or on both", ["validation", "test", "both"], "test"),
            (o, v) => o with { Splits = v == "both" ? [HeldOut.Validation, HeldOut.Test] : [v == "test" ? HeldOut.Test : HeldOut.Validation] } },
        { Choice("--exclude", "Items excluded from the ranking: the user's whole history, its last --window items, or none", ["history", "window", "none"], "history"),
            (o, v) => o with { Exclude = Enum.Parse<Exclusion>(v, ignoreCase: true) } },
        { Number("--window", "Number of most recent items that --exclude window excludes", Defaults.Window), (o, v) => o with { Window = v } },
        { Choice("--now", "Models that read times predict at the held-out item's own time, or at the time of the newest interaction before it, which serving knows", ["target", "last"], "target"),
            (o, v) => o with { KnowsTargetTime = v == "target" } },
        { Choice("--sampled", "Rank the target among sampled negatives instead of all items; not comparable with a full ranking", ["no", "uniform"], "no"),
            (o, v) => o with { Sampled = v == "uniform" } },
        { Number("--negatives", "Sampled negatives per user", Defaults.Negatives, FewestNegatives, most: 1_000_000), (o, v) => o with { Negatives = v } },
        { Number("--popularity-days", "popularity-recent: number of days before each target to count", Defaults.PopularityDays, most: 36_500),
            (o, v) => o with { PopularityDays = v } },
        { Flag("--add-log-popularity", "Add the log of each item's popularity to its score; not comparable with the model's own scores"),
            (o, v) => o with { AddLogPopularity = v } },
        { Number("--resamples", "Bootstrap resamples of the users for confidence intervals; 0 disables them", Defaults.Resamples, least: 0), (o, v) => o with { Resamples = v } },
    };

    static EvaluateCommand()
    {
        Models.AcceptOnlyFromAmong([.. EvaluatedModels.Names]);
        NamedModels.AcceptOnlyFromAmong([.. EvaluatedModels.Names]);
    }

    public static Command Create(CommandFactory factory)
    {
        Command command = factory.Create("evaluate", "Evaluate models by full-catalog next-item ranking", [NamedModels, .. Settings], _ => 1, async (parse, run) =>
        {
            EvaluateOptions options = Settings.Read(parse, Defaults with { Models = [.. parse.GetValue(Models) ?? [], .. parse.GetValue(NamedModels) ?? []] });
            Show(await run.StageAsync("evaluate", context => EvaluateStep.RunAsync(options, context)), run.Console);
        });
        command.Arguments.Add(Models);
        return command;
    }

    private static void Show(EvaluationReport report, RunConsole console)
    {
        foreach (Table table in EvaluationTables.Create(report))
        {
            console.Write(table);
        }

        console.WriteJson(EvaluationJson.Line(report));
    }
}
