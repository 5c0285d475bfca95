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
