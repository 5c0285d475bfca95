using System.CommandLine;
using NanoRecSys.Training.Import;
using NanoRecSys.Training.Pipeline;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class ImportCommand
{
    private static readonly OptionSet<ImportOptions> Settings = new()
    {
        {
            InputFile("--user-tower", "State dictionary of the user tower: .safetensors, or .pth of PyTorch 1.6 or later, which is read but never executed"),
            (options, value) => options with { UserTower = value.FullName }
        },
        { InputFile("--ranker", "State dictionary of the ranker, in either format"), (options, value) => options with { Ranker = value.FullName } },
        { Number("--heads", "Attention heads of the user tower; required unless the file holds rope.inv_freq or was exported by this program"), (options, value) => options with { Heads = value } },
        {
            Number("--max-length", $"Maximum length of a history (default: as in an exported file, else {ImportOptions.DefaultMaxLength})"),
            (options, value) => options with { MaxLength = value }
        },
        {
            Real("--rope-base", $"Base of the rotary embedding (default: from rope.inv_freq, else {ImportOptions.DefaultRopeBase})", "more than 1", given => given > 1 && double.IsFinite(given)),
            (options, value) => options with { RopeBase = value }
        },
        {
            InputFile("--item-map", "Movie ids of the item table's rows, in order: .npy of integers, or text with one id per line. The data is prepared again in this order; "
                + "without it the rows must be the items of the prepared data in order of first appearance"),
            (options, value) => options with { ItemMap = value.FullName }
        },
        { InputFile("--genres", "Genres of the ranker's genre rows, one per line (default: those of the data, in alphabetical order)"), (options, value) => options with { Genres = value.FullName } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "import", "Use pretrained weights instead of training; continue with evaluate, export, index and publish", Settings,
        (parse, context) => ImportStep.RunAsync(Settings.Read(parse, new ImportOptions { Data = parse.GetRequiredValue(CommonOptions.Data) }), context), Show);

    private static void Show(ImportSummary summary, RunConsole console)
    {
        if (summary.UserTower is { } tower)
        {
            console.WriteLine($"User tower: {tower.Items:N0} items, D={tower.Dimension}, {tower.Blocks} blocks, {tower.Heads} heads, F={tower.FeedForward}, L={tower.MaxLength}, rotary base {tower.RopeBase}");
        }

        if (summary.Ranker is { } ranker)
        {
            console.WriteLine($"Ranker: hidden {string.Join("-", ranker.Hidden)}, {ranker.Genres.Count} genres");
        }

        foreach (string note in summary.Notes)
        {
            console.WriteLine(note);
        }

        console.WriteSummary(summary, TrainingJson.Default.ImportSummary);
    }
}
