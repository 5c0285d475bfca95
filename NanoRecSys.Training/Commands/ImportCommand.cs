using System.CommandLine;
using NanoRecSys.Training.Import;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class ImportCommand
{
    private static readonly Option<FileInfo> UserTower = InputFile("--user-tower", "The user tower's state dictionary: .safetensors, or .pth of PyTorch 1.6 and later, which is read and never executed");
    private static readonly Option<FileInfo> Ranker = InputFile("--ranker", "The ranker's state dictionary, in either format");
    private static readonly Option<int?> Heads = Number("--heads", "Attention heads of the user tower; needed unless the file holds rope.inv_freq or was exported here");
    private static readonly Option<int?> MaxLength = Number("--max-length", $"Most items of a history that are read [default: what an exported file says, else {ImportOptions.DefaultMaxLength}]");
    private static readonly Option<double?> RopeBase = new("--rope-base") { Description = $"Base of the rotary embedding [default: what rope.inv_freq says, else {ImportOptions.DefaultRopeBase}]" };
    private static readonly Option<FileInfo> ItemMap = InputFile("--item-map", "Movie ids of the item table's rows, in their order: .npy of integers, or text with one id a line. The data is prepared again in this order; "
        + "without it the rows must be the prepared data's items in order of first appearance");
    private static readonly Option<FileInfo> Genres = InputFile("--genres", "Genres of the ranker's genre rows, one a line [default: the data's, in alphabetical order]");

    static ImportCommand() => RopeBase.Validators.Add(result =>
    {
        if (result.Tokens is [var token] && double.TryParse(token.Value, System.Globalization.CultureInfo.InvariantCulture, out double value) && !(value > 1 && double.IsFinite(value)))
        {
            result.AddError($"--rope-base must be more than 1, not {token.Value}.");
        }
    });

    public static Command Create(Verbs verbs) => verbs.Create(
        "import", "Take pretrained weights instead of training; evaluate, export, index and publish go on from there",
        [UserTower, Ranker, Heads, MaxLength, RopeBase, ItemMap, Genres],
        (parse, context) => ImportStep.RunAsync(Read(parse), context),
        Show);

    private static ImportOptions Read(ParseResult parse) => new()
    {
        UserTower = parse.GetValue(UserTower)?.FullName,
        Ranker = parse.GetValue(Ranker)?.FullName,
        Heads = parse.GetValue(Heads),
        MaxLength = parse.GetValue(MaxLength),
        RopeBase = parse.GetValue(RopeBase),
        ItemMap = parse.GetValue(ItemMap)?.FullName,
        Genres = parse.GetValue(Genres)?.FullName,
        Data = parse.GetRequiredValue(CommonOptions.Data),
    };

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

        console.WriteSummary(summary, TrainingJsonLines.Default.ImportSummary);
    }

    private static Option<FileInfo> InputFile(string name, string description)
    {
        var option = new Option<FileInfo>(name) { Description = description, HelpName = "FILE" };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !File.Exists(token.Value))
            {
                result.AddError($"{name} {token.Value} is no file.");
            }
        });
        return option;
    }

    private static Option<int?> Number(string name, string description)
    {
        var option = new Option<int?>(name) { Description = description };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && int.TryParse(token.Value, out int value) && value < 1)
            {
                result.AddError($"{name} must be 1 or more, not {value}.");
            }
        });
        return option;
    }
}
