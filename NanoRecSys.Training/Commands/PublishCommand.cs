using System.CommandLine;
using System.Text.Json;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class PublishCommand
{
    private static readonly Option<string> Serve = new("--serve-split")
    {
        Description = "Histories to serve: all, or train (without the held-out items, to measure through the live API)",
        DefaultValueFactory = _ => "all",
    };

    private static readonly Option<string> Ranker = new("--ranker")
    {
        Description = "Publish the ranker if-better (than the retriever on validation), always or never",
        DefaultValueFactory = _ => "if-better",
    };

    private static readonly Option<string> UserEmbeddings = new("--user-embeddings")
    {
        Description = "Encode all users now, so that requests of unchanged histories need not (about 1 to 10 ms a user): all or none",
        DefaultValueFactory = _ => "all",
    };

    static PublishCommand()
    {
        Serve.AcceptOnlyFromAmong("all", "train");
        Ranker.AcceptOnlyFromAmong("if-better", "always", "never");
        UserEmbeddings.AcceptOnlyFromAmong("all", "none");
    }

    public static Command Create(Verbs verbs) => verbs.Create(
        "publish", "Gather one version of everything that serving needs, and make it current", [Serve, Ranker, UserEmbeddings],
        (parse, context) => PublishStep.RunAsync(Read(parse), context),
        Show);

    private static PublishOptions Read(ParseResult parse) => new()
    {
        ServeSplit = parse.GetRequiredValue(Serve) == "all" ? ServeSplit.All : ServeSplit.Train,
        Ranker = parse.GetRequiredValue(Ranker) switch
        {
            "always" => RankerUse.Always,
            "never" => RankerUse.Never,
            _ => RankerUse.IfBetter,
        },
        UserEmbeddings = parse.GetRequiredValue(UserEmbeddings) == "all",
    };

    private static void Show(PublishSummary summary, RunConsole console)
    {
        console.WriteLine(summary.Ranker);
        console.WriteLine($"Version {summary.Version} is current: {summary.Bytes / 1e6:N1} MB in {summary.Folder}");
        console.WriteJson(JsonSerializer.Serialize(summary, ExportJsonLines.Default.PublishSummary));
    }
}
