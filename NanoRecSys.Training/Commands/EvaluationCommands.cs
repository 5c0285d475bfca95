using System.CommandLine;
using NanoRecSys.Core.Serving;
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

internal static class RecommendCommand
{
    private static readonly Option<string> Output = Required(Text(
        "--output", "File to write: .parquet, .csv or .jsonl, with the columns user_id, rank, item_id and score", "FILE"));

    private static readonly OptionSet<RecommendOptions> Settings = new()
    {
        {
            Text("--users", "Users of the version to recommend to: all, or a file with one id per line", "all|FILE", RecommendStep.AllUsers),
            (o, v) => o with { Users = v }
        },
        { Number("--k", "Items per user", RecommendationRequest.DefaultK, most: RecommendationRequest.MaxK), (o, v) => o with { K = v } },
        { Text("--model", "Published version that recommends; default: the served one", "VERSION"), (o, v) => o with { Version = v } },
    };

    public static Command Create(CommandFactory factory) => factory.CreateReader(
        "recommend", "Write recommendations for many users to a file: the API's answers from the same version, for users without stored events or changed items. "
            + "Run an interrupted command again to continue it",
        [Output, .. Settings],
        (parse, context) => RecommendStep.RunAsync(Settings.Read(parse, new RecommendOptions { Output = parse.GetRequiredValue(Output) }), context), Show);

    private static Option<string> Required(Option<string> option)
    {
        option.Required = true;
        return option;
    }

    private static void Show(RecommendSummary summary, RunConsole console)
    {
        console.WriteLine($"Version {summary.Version} recommended to {summary.Users:N0} users in {ProgressText.Duration(TimeSpan.FromSeconds(summary.Seconds))}: {summary.Output}");
    }
}

internal static class TrainBaselineCommand
{
    private static readonly MatrixFactorizationOptions Factorization = new();
    private static readonly EaseOptions Linear = new();
    private static readonly MlpUserTowerOptions Tower = new();

    private static readonly Option<string> Model = Choice(
        "--model", "Matrix factorization, EASE, or an MLP over the mean of the last items",
        [MatrixFactorization.ModelName, Ease.ModelName, MlpUserTowerScorer.ModelName], MatrixFactorization.ModelName);

    private static readonly Option<double> Decay = Real(
        "--decay", $"mf, ease: weight of an item in a history relative to the item after it (default: mf {Factorization.Decay}, ease {Linear.Decay})",
        "more than 0 and at most 1", given => given is > 0 and <= 1);

    private static readonly Option<int> Dimension = Width("--dimension", "Embedding dimension", Tower.Dimension);

    private static readonly OptionSet<MatrixFactorizationOptions> FactorizationSettings = new()
    {
        { Dimension, (o, v) => o with { Dimension = v } },
        { Number("--sweeps", "mf: number of sweeps over all users and items", Factorization.Sweeps), (o, v) => o with { Sweeps = v } },
        { Real("--unobserved-weight", "mf: weight of an unobserved interaction", Factorization.UnobservedWeight), (o, v) => o with { UnobservedWeight = v } },
        { Real("--regularization", "mf: regularization strength", Factorization.Regularization), (o, v) => o with { Regularization = v } },
        { Decay, (o, v) => o with { Decay = v } },
    };

    private static readonly OptionSet<EaseOptions> LinearSettings = new()
    {
        { Widths("--penalty", "ease: L2 penalties to choose from on validation", [.. Linear.Penalties]), (o, v) => o with { Penalties = v } },
        { Number("--neighbours", "ease: strongest entries to keep for each item", Linear.Neighbours, most: 10_000), (o, v) => o with { Neighbours = v } },
        { Decay, (o, v) => o with { Decay = v } },
    };

    private static readonly OptionSet<MlpUserTowerOptions> TowerSettings = new()
    {
        { Dimension, (o, v) => o with { Dimension = v } },
        { Width("--hidden", "mlp-user-tower: width of the hidden layer", Tower.Hidden), (o, v) => o with { Hidden = v } },
        { Width("--history-length", "mlp-user-tower: number of most recent items to average", Tower.HistoryLength), (o, v) => o with { HistoryLength = v } },
        { Share("--dropout", "mlp-user-tower: dropout rate", Tower.Dropout), (o, v) => o with { Dropout = v } },
        { Choice("--loss", "mlp-user-tower: loss", RetrieverLossNames.All, Tower.Loss.ToName()), (o, v) => o with { Loss = RetrieverLossNames.Parse(v) } },
        { PositiveReal("--temperature", "mlp-user-tower: softmax temperature of the cosine", Tower.Temperature), (o, v) => o with { Temperature = v } },
        { LearningRate("--learning-rate", "mlp-user-tower: learning rate", Tower.LearningRate), (o, v) => o with { LearningRate = v } },
        { Number("--batch", "mlp-user-tower: positions per step", Tower.BatchPositions), (o, v) => o with { BatchPositions = v } },
        { Number("--positions", "mlp-user-tower: positions per user and epoch", Tower.PositionsPerUser), (o, v) => o with { PositionsPerUser = v } },
        { Number("--epochs", "mlp-user-tower: maximum number of epochs", Tower.Epochs), (o, v) => o with { Epochs = v } },
        { Number("--patience", "mlp-user-tower: stop after N epochs without a better NDCG@10", Tower.Patience), (o, v) => o with { Patience = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "train-baseline", "Train a baseline for comparison; keeps the best weights on validation", [Model, .. FactorizationSettings.Union(LinearSettings).Union(TowerSettings)],
        (parse, context) => TrainBaselineStep.RunAsync(Read(parse), context), Show);

    private static IBaselineOptions Read(ParseResult parse) => parse.GetRequiredValue(Model) switch
    {
        MatrixFactorization.ModelName => FactorizationSettings.Read(parse, Factorization),
        Ease.ModelName => LinearSettings.Read(parse, Linear),
        _ => TowerSettings.Read(parse, Tower),
    };

    private static void Show(TrainBaselineSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Model}: {summary.Epochs} epochs in {ProgressText.Duration(summary.Seconds)}; kept epoch {summary.BestEpoch}: "
            + $"validation NDCG@10 {summary.Validation["ndcg@10"]:F4}, HR@10 {summary.Validation["hr@10"]:F4}");
    }
}
