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
            Text("--users", "Users of the version to recommend to: all, or a file with one id in each line", "all|FILE", RecommendStep.AllUsers),
            (o, v) => o with { Users = v }
        },
        { Number("--k", "Items for each user", RecommendationRequest.DefaultK, most: RecommendationRequest.MaxK), (o, v) => o with { K = v } },
        { Text("--model", "Published version that recommends; default: the served one", "VERSION"), (o, v) => o with { Version = v } },
    };

    public static Command Create(CommandFactory factory) => factory.CreateReader(
        "recommend", "Write recommendations for many users to a file: what the API answers from the same version to users without stored events or changed items. "
            + "An interrupted command continues when it is run again",
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
