using System.CommandLine;
using System.Globalization;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class PrepareCommand
{
    private static readonly PrepareOptions Defaults = new();

    /// <summary>What <see cref="Read"/> reads, beside the data's name.</summary>
    public static readonly OptionSet<PrepareOptions> Settings = new()
    {
        {
            Real("--min-rating", "Drop interactions with a lower rating; 0 uses every interaction as a positive", Defaults.MinRating),
            (o, v) => o with { MinRating = v }
        },
        {
            Number("--k-core", "Repeatedly drop users and items with fewer interactions; 0 keeps all", Defaults.KCore, least: 0),
            (o, v) => o with { KCore = v }
        },
        {
            Choice(
                "--split", "Hold out the last two items of each user, or all interactions after a point in time",
                [LeaveOneOut.SplitName, TimeSplit.SplitName], LeaveOneOut.SplitName),
            (o, v) => o with { Split = v == TimeSplit.SplitName ? SplitKind.Time : SplitKind.LeaveOneOut }
        },
        {
            Real(
                "--held-out", "Share of the latest interactions that --split time holds out, half for validation and half for test",
                "between 0 and 1", given => given is > 0 and < 1, Defaults.HeldOutShare),
            (o, v) => o with { HeldOutShare = v }
        },
        {
            Text("--events", string.Create(CultureInfo.InvariantCulture, $"Redis of the API, redis://[user:password@]host[:port]: adds its events "
                + $"to the ratings (a like without stars counts {LiveEvents.LikeRating}, a watch {LiveEvents.WatchRating}; dislikes are left out) and its movies to the movies"), "URL"),
            (o, v) => o with { Events = v }
        },
        {
            Share("--new-items", "Share of the items to remove, to measure how new items are handled ('evaluate held-out-items')", Defaults.NewItems),
            (o, v) => o with { NewItems = v }
        },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "prepare", "Read MovieLens ratings and movies, then filter, sort and split them for the other commands", Settings,
        (parse, context) => PrepareStep.RunAsync(Read(parse), context), Show, prepares: _ => true);

    /// <exception cref="UserErrorException">An option has no effect on the split that was chosen.</exception>
    public static PrepareOptions Read(ParseResult parse)
    {
        PrepareOptions options = Settings.Read(parse, Defaults with { Data = parse.GetRequiredValue(CommonOptions.Data) });
        return options.Split == SplitKind.Time || options.HeldOutShare == Defaults.HeldOutShare
            ? options
            : throw new UserErrorException("--held-out applies to --split time only. Add --split time, or leave --held-out out.");
    }

    private static void Show(DatasetSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Name}: {summary.Users:N0} users, {summary.Items:N0} items, {summary.Interactions:N0} interactions");
        if (summary.LowRated > 0)
        {
            console.WriteLine($"{summary.LowRated:N0} interactions have a rating below {summary.MinRating}.");
        }

        if (summary.NewItems > 0)
        {
            console.WriteLine($"{summary.NewItems:N0} items were removed with all their interactions, as if they were new.");
        }

        if (summary.Skipped > 0)
        {
            console.WriteLine($"{summary.KCore}-core filter removed {summary.Skipped:N0} interactions.");
        }

        if (summary.Events + summary.Dislikes > 0)
        {
            console.WriteLine($"{summary.Events:N0} interactions are events of the API; {summary.Dislikes:N0} dislikes were left out.");
        }

        if (summary.TiedUsers > 0)
        {
            console.WriteLine($"{summary.TiedUsers:N0} users have interactions with equal timestamps, which keep the order of the file.");
        }

        if (summary.Cuts is { } cuts)
        {
            console.WriteLine($"Training uses interactions before {Moment(cuts.ValidationFrom)}, validation those before {Moment(cuts.TestFrom)}, test the rest.");
        }

        console.WriteSummary(summary, TrainingJson.Default.DatasetSummary);
    }

    // Seconds since 1970, unless the file has another kind of numbers that grow with time.
    private static string Moment(long time) => time is > 0 and < 253_402_300_800 // the year 10,000
        ? string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.FromUnixTimeSeconds(time):yyyy-MM-dd HH:mm:ss} ({time})")
        : time.ToString(CultureInfo.InvariantCulture);
}
