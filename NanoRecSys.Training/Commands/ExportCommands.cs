using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class ImportCommand
{
    private static readonly Option<FileInfo> ItemMap = InputFile(
        "--item-map", "Item ids of the item table's rows, in order: .npy of integers, or text with one id per line. "
        + "The data is prepared again in this order; without it the rows must be the items of the prepared data in order of first appearance");

    private static readonly OptionSet<ImportOptions> Settings = new()
    {
        { InputFile("--user-tower", "State dictionary of the user tower: .safetensors, or .pth of PyTorch 1.6 or later, which is read but never executed"),
            (o, v) => o with { UserTower = v.FullName } },
        { InputFile("--ranker", "State dictionary of the ranker, in either format"), (o, v) => o with { Ranker = v.FullName } },
        { Number("--heads", "Attention heads of the user tower; required unless the file contains rope.inv_freq or was exported by this program"), (o, v) => o with { Heads = v } },
        { Width("--max-length", $"Maximum length of a history (default: from an exported file, else {ImportOptions.DefaultMaxLength})"), (o, v) => o with { MaxLength = v } },
        { Real("--rope-base", $"Base of the rotary embedding (default: from rope.inv_freq, else {ImportOptions.DefaultRopeBase})", "more than 1", given => given > 1 && double.IsFinite(given)),
            (o, v) => o with { RopeBase = v } },
        { ItemMap, (o, v) => o with { ItemMap = v.FullName } },
        { InputFile("--genres", "Genres of the ranker's genre rows, one per line (default: the data's genres in alphabetical order)"), (o, v) => o with { Genres = v.FullName } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "import", "Use pretrained weights instead of training; continue with evaluate, export, index and publish", Settings,
        (parse, context) => ImportStep.RunAsync(Settings.Read(parse, new ImportOptions { Data = parse.GetRequiredValue(CommonOptions.Data) }), context), Show,
        prepares: parse => parse.GetResult(ItemMap) is { Implicit: false });

    private static void Show(ImportSummary summary, RunConsole console)
    {
        if (summary.UserTower is { } tower)
        {
            console.WriteLine($"User tower: {(tower.Members is { } members ? $"{members} networks, each of " : "")}{tower.Items:N0} items, D={tower.Dimension}, {tower.Blocks} blocks, {tower.Heads} heads, "
                + $"F={tower.FeedForward}, L={tower.MaxLength}, rotary base {tower.RopeBase}");
        }

        if (summary.Ranker is { } ranker)
        {
            console.WriteLine($"Ranker: hidden {string.Join("-", ranker.Hidden)}, {ranker.Items.Categories.Count} categories");
        }

        foreach (string note in summary.Notes)
        {
            console.WriteLine(note);
        }
    }
}

internal static class ExportCommand
{
    private static readonly Option<string> Format = Choice(
        "--format", "onnx for serving, safetensors for PyTorch (state dictionaries, which 'import' reads if the network is nanoRecSys' own)",
        ["onnx", "safetensors"], "onnx");

    private static readonly OptionSet<ExportOptions> Settings = new()
    {
        { Number("--parity-histories", "Number of real histories on which exported graphs are compared with the trained networks", new ExportOptions().ParityHistories),
            (o, v) => o with { ParityHistories = v } },
        { Choice("--ranker-precision", "Precision of the ranker in serving; auto uses int8 for a large ranker whose logits stay close", ["auto", "fp32", "int8"], "auto"),
            (o, v) => o with { RankerPrecision = v switch { "fp32" => RankerPrecision.ThirtyTwoBits, "int8" => RankerPrecision.EightBits, _ => RankerPrecision.Auto }, } },
        { Choice("--final-fit", "Whether to export the retriever that 'final-fit' made, if it ran with these weights", ["follow", "ignore"], "follow"),
            (o, v) => o with { UseFinalFit = v == "follow" } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "export", "Export the trained networks as ONNX, checked against the originals, or as safetensors", [Format, .. Settings], _ => 1,
        async (parse, run) =>
        {
            if (parse.GetRequiredValue(Format) == "onnx")
            {
                Show(await run.StageAsync("export", context => ExportStep.RunAsync(Settings.Read(parse, new ExportOptions()), context)), run.Console);
            }
            else
            {
                Show(await run.StageAsync("export", StateDictionaryExport.RunAsync), run.Console);
            }
        });

    private static void Show(StateDictionarySummary summary, RunConsole console)
    {
        foreach (string file in summary.Files)
        {
            console.WriteLine(file);
        }

        console.WriteLine($"{summary.Parameters:N0} parameters");
        console.WriteSummary(summary);
    }

    private static void Show(ExportReport report, RunConsole console)
    {
        foreach ((string file, ParityInfo parity) in report.Parity)
        {
            console.WriteLine(parity.MeanCosine is { } cosine
                ? $"{file}: mean cosine {cosine:F5} with the trained network over {parity.Cases:N0} cases (required: at least {1 - parity.Tolerance:F3})"
                : $"{file}: differs from the trained network by at most {parity.MaxAbsDifference:G3} over {parity.Cases:N0} cases (allowed: {parity.Tolerance:G3})");
        }

        console.WriteSummary(report);
    }
}

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
