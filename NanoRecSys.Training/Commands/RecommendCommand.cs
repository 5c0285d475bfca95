using System.CommandLine;
using NanoRecSys.Core.Serving;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

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
