using System.CommandLine;
using System.Globalization;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class PrepareCommand
{
    private static readonly PrepareOptions Defaults = new();
    private static readonly Option<double> MinRating = Settings.Real(
        "--min-rating", "Drop interactions rated lower; 0 takes every interaction as a positive", Defaults.MinRating);
    private static readonly Option<int> KCore = Settings.Number(
        "--k-core", "Drop users and items with fewer interactions than this, until none is left; 0 keeps all", Defaults.KCore, least: 0);
    private static readonly Option<string> Split = Settings.Choice(
        "--split", "What is held out, each user's last two items or all that came after a moment", LeaveOneOut.SplitName, [LeaveOneOut.SplitName, TimeSplit.SplitName]);
    private static readonly Option<double> HeldOut = Settings.Real(
        "--held-out", "Share of the interactions, the latest, that --split time holds out: half to validate, half to test", Defaults.HeldOutShare);

    private static readonly Option<string?> Events = new("--events")
    {
        Description = "Redis of the API, redis://[user:password@]host[:port]: its events are added to the ratings (a like without stars counts "
            + $"{LiveEvents.LikeRating.ToString(CultureInfo.InvariantCulture)}, a watch {LiveEvents.WatchRating.ToString(CultureInfo.InvariantCulture)}; dislikes are left out), and its movies to the movies",
        HelpName = "URL",
    };

    private static readonly Option<double> NewItems = Settings.Real(
        "--new-items", "Share of the items taken out entirely, to see later what is done with new ones ('evaluate held-out-items')", Defaults.NewItems);

    static PrepareCommand()
    {
        HeldOut.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && double.TryParse(token.Value, CultureInfo.InvariantCulture, out double share) && share is 0 or >= 1)
            {
                result.AddError($"{HeldOut.Name} must lie between 0 and 1, not be {token.Value}.");
            }
        });
        NewItems.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && double.TryParse(token.Value, CultureInfo.InvariantCulture, out double share) && share >= 1)
            {
                result.AddError($"{NewItems.Name} must be less than 1, not {token.Value}.");
            }
        });
    }

    /// <summary>What <see cref="Read"/> reads, beside the data's name.</summary>
    public static IReadOnlyList<Option> Options => [MinRating, KCore, Split, HeldOut, Events, NewItems];

    public static Command Create(Verbs verbs) => verbs.Create(
        "prepare", "Read MovieLens ratings and movies, filter, order, split and write them for the other verbs", [.. Options],
        (parse, context) => PrepareStep.RunAsync(Read(parse), context),
        Show);

    public static PrepareOptions Read(ParseResult parse) => new()
    {
        Data = parse.GetRequiredValue(CommonOptions.Data),
        MinRating = parse.GetRequiredValue(MinRating),
        KCore = parse.GetRequiredValue(KCore),
        Split = parse.GetRequiredValue(Split) == TimeSplit.SplitName ? SplitKind.Time : SplitKind.LeaveOneOut,
        HeldOutShare = parse.GetRequiredValue(HeldOut),
        Events = parse.GetValue(Events),
        NewItems = parse.GetRequiredValue(NewItems),
    };

    private static void Show(DatasetSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Name}: {summary.Users:N0} users, {summary.Items:N0} items, {summary.Interactions:N0} interactions");
        if (summary.LowRated > 0)
        {
            console.WriteLine($"{summary.LowRated:N0} interactions are rated below {summary.MinRating}.");
        }

        if (summary.NewItems > 0)
        {
            console.WriteLine($"{summary.NewItems:N0} items were taken out with all their interactions, as if they were new.");
        }

        if (summary.Skipped > 0)
        {
            console.WriteLine($"{summary.Skipped:N0} interactions fell to the {summary.KCore}-core filter.");
        }

        if (summary.Events + summary.Dislikes > 0)
        {
            console.WriteLine($"{summary.Events:N0} interactions are events of the API; {summary.Dislikes:N0} dislikes were left out.");
        }

        console.WriteLine($"{summary.TiedUsers:N0} users have interactions with equal timestamps; these keep the file's order.");
        if (summary.Cuts is { } cuts)
        {
            console.WriteLine($"Trained on what came before {Moment(cuts.ValidationFrom)}, validated until {Moment(cuts.TestFrom)}, tested on what came then.");
        }

        console.WriteSummary(summary, TrainingJsonLines.Default.DatasetSummary);
    }

    // Timestamps are seconds since 1970 in every MovieLens edition, but need not be.
    private static string Moment(long time) => time is > 0 and < 253_402_300_800 // the year 10,000
        ? string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.FromUnixTimeSeconds(time):yyyy-MM-dd HH:mm:ss} ({time})")
        : time.ToString(CultureInfo.InvariantCulture);
}
