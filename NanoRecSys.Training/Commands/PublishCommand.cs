using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class PublishCommand
{
    public const string ForceDescription = "Serve the version even if it is significantly worse than the served one";

    /// <summary>Also an option of <c>run</c> and <c>watch</c>.</summary>
    public static readonly Option<double> AllowedLoss =
        Real("--allowed-loss", "How much NDCG@10 on validation may drop below the served version's", "0 to 1", loss => loss is >= 0 and <= 1, 0);

    private static readonly OptionSet<PublishOptions> Settings = new()
    {
        { Flag("--force", ForceDescription), (o, v) => o with { Force = v } },
        { AllowedLoss, (o, v) => o with { AllowedLoss = v } },
        { Choice("--serve-split", "Histories to serve: complete, or without the held-out items, to measure through the live API", ["all", "train"], "all"),
            (o, v) => o with { ServeSplit = v == "all" ? ServeSplit.All : ServeSplit.Train } },
        {
            Choice(
                "--ranker", "Whether to publish the ranker; if-better follows the race or, without one, compares its validation NDCG@10 with the retriever's",
                ["if-better", "always", "never"], "if-better"),
            (o, v) => o with { Ranker = v switch { "always" => RankerUse.Always, "never" => RankerUse.Never, _ => RankerUse.IfBetter } }
        },
        { Choice("--race", "Whether to serve the choice of 'race', if it ran with these weights", ["follow", "ignore"], "follow"), (o, v) => o with { UseRace = v == "follow" } },
        { Choice("--user-embeddings", "Encode all users now (about 1 to 10 ms each), so that requests for unchanged histories need not", ["all", "none"], "all"),
            (o, v) => o with { UserEmbeddings = v == "all" } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "publish", "Collect everything that serving needs as a new version, and make it current", Settings,
        (parse, context) => PublishStep.RunAsync(Settings.Read(parse, new PublishOptions()), context), Show);

    private static void Show(PublishSummary summary, RunConsole console)
    {
        console.WriteLine(summary.Ranker);
        if (summary.Gate is { } gate)
        {
            console.WriteLine($"{PublishGate.Describe(gate)}.");
        }

        console.WriteLine($"Version {summary.Version} is current: {summary.Bytes / 1e6:N1} MB in {summary.Folder}");
    }
}
