using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class PrepareCommand
{
    private static readonly PrepareOptions Defaults = new();

    public static readonly OptionSet<PrepareOptions> Settings = new()
    {
        { Text("--columns", "Columns of the interactions, if not named as usual: user, item, time, weight and event, by name or by position from 1 on", "ROLE=NAME,..."),
            (o, v) => o with { Reading = o.Reading with { Columns = Parsed(v, ColumnOptions.Parse) } } },
        { Text("--items", "File that describes the items; default: the one next to the interactions", "FILE"),
            (o, v) => o with { Reading = o.Reading with { Items = Path.GetFullPath(v) } } },
        { Text("--event-weights", "Weights of event types, such as view=0.2,purchase=1,dislike=-1; 1 for others; zero or less: not an interaction", "NAME=WEIGHT,..."),
            (o, v) => o with { Reading = o.Reading with { EventWeights = Parsed(v, EventWeights.Parse) } } },
        { Text("--item-word", "What the pages call an item, singular and plural, such as product,products", "ONE,MANY"), (o, v) => o with { Word = ParseWord(v) } },
        { Number("--skip-bad-rows", "Skip up to this many rows that cannot be read", Defaults.Reading.SkipBadRows, least: 0),
            (o, v) => o with { Reading = o.Reading with { SkipBadRows = v } } },
        { Flag("--keep-repeats", "Keep exact copies of rows, which are dropped otherwise"), (o, v) => o with { Reading = o.Reading with { KeepRepeats = v } } },
        { Real("--min-rating", "Drop interactions with a lower rating; 0 uses every interaction as a positive", Defaults.MinRating), (o, v) => o with { MinRating = v } },
        { Number("--k-core", "Repeatedly drop users and items with fewer interactions; 0 keeps all", Defaults.KCore, least: 0), (o, v) => o with { KCore = v } },
        { Choice("--split", "Hold out the last two items of each user, or all interactions after a point in time", [LeaveOneOut.SplitName, TimeSplit.SplitName], LeaveOneOut.SplitName),
            (o, v) => o with { Split = v == TimeSplit.SplitName ? SplitKind.Time : SplitKind.LeaveOneOut } },
        {
            Real(
                "--held-out", "Share of the latest interactions that --split time holds out, half for validation and half for test",
                "between 0 and 1", given => given is > 0 and < 1, Defaults.HeldOutShare),
            (o, v) => o with { HeldOutShare = v }
        },
        {
            Text("--events", $"Redis of the API, redis://[user:password@]host[:port]: adds its events "
                + $"to the ratings (a like without stars counts {LiveEvents.LikeRating}, a watch {LiveEvents.WatchRating}; dislikes are left out) and its items to the items", "URL"),
            (o, v) => o with { Events = v }
        },
        { Share("--new-items", "Share of the items to remove, to measure how new items are handled ('evaluate held-out-items')", Defaults.NewItems),
            (o, v) => o with { NewItems = v } },
    };

    private static ItemWord ParseWord(string text) => text.Split(',', StringSplitOptions.TrimEntries) is [{ Length: > 0 and <= 40 } one, { Length: > 0 and <= 40 } many]
        ? new ItemWord(one, many)
        : throw new UserErrorException($"--item-word must be two words with a comma between, such as product,products, not '{text}'.");

    public static Command Create(CommandFactory factory) => factory.Create(
        "prepare", "Read interactions and items, then filter, sort and split them for the other commands", Settings,
        (parse, context) => PrepareStep.RunAsync(Read(parse), context), ShowCounts, prepares: _ => true);

    public static PrepareOptions Read(ParseResult parse)
    {
        PrepareOptions options = Settings.Read(parse, Defaults with { Data = parse.GetRequiredValue(CommonOptions.Data) });
        return options.Split == SplitKind.Time || options.HeldOutShare == Defaults.HeldOutShare
            ? options
            : throw new UserErrorException("--held-out applies to --split time only. Add --split time, or leave --held-out out.");
    }

    public static void ShowCounts(DatasetSummary summary, RunConsole console)
    {
        if (summary.Format is { } format)
        {
            console.WriteLine(format.Describe());
        }

        console.WriteLine($"{summary.Name}: {summary.Users:N0} users, {summary.Items:N0} items, {summary.Interactions:N0} interactions");
        if (summary is { From: { } from, Until: { } until })
        {
            console.WriteLine($"The times range from {Moment(from)} to {Moment(until)}.");
        }

        foreach (string shortcoming in summary.Shortcomings())
        {
            console.WriteLine(shortcoming);
        }

        console.WriteLineIf(summary.LowRated > 0, $"{summary.LowRated:N0} interactions have a rating below {summary.MinRating}.");
        console.WriteLineIf(summary.NewItems > 0, $"{summary.NewItems:N0} items were removed with all their interactions, as if they were new.");
        console.WriteLineIf(summary.Skipped > 0, $"{summary.KCore}-core filter removed {summary.Skipped:N0} interactions.");
        console.WriteLineIf(summary.Events + summary.Dislikes > 0, $"{summary.Events:N0} interactions are events of the API; {summary.Dislikes:N0} dislikes were left out.");
        if (summary.Cuts is { } cuts)
        {
            console.WriteLine($"Training uses interactions before {Moment(cuts.ValidationFrom)}, validation those before {Moment(cuts.TestFrom)}, test the rest.");
        }
    }

    // Invalid options are rejected before anything is read.
    private static string Parsed<T>(string text, Func<string, T> parse)
    {
        parse(text);
        return text;
    }

    // Seconds since 1970, unless the file has other increasing numbers.
    internal static string Moment(long time) => time is > 0 and < 253_402_300_800 // the year 10,000
        ? $"{DateTimeOffset.FromUnixTimeSeconds(time):yyyy-MM-dd HH:mm:ss} ({time})"
        : time.ToString(CultureInfo.InvariantCulture);
}
