using System.CommandLine;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class PrepareCommand
{
    private static readonly Option<int> KCore = Settings.Number(
        "--k-core", "Drop users and items with fewer interactions than this, until none is left; 0 keeps all", 0, least: 0);

    public static Command Create(Verbs verbs) => verbs.Create(
        "prepare", "Read MovieLens ratings and movies, filter, order and write them for the other verbs", [KCore],
        (parse, context) => PrepareStep.RunAsync(
            new PrepareOptions { Data = parse.GetRequiredValue(CommonOptions.Data), KCore = parse.GetRequiredValue(KCore) }, context),
        Show);

    private static void Show(DatasetSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Name}: {summary.Users:N0} users, {summary.Items:N0} items, {summary.Interactions:N0} interactions");
        if (summary.Skipped > 0)
        {
            console.WriteLine($"{summary.Skipped:N0} interactions fell to the {summary.KCore}-core filter.");
        }

        console.WriteLine($"{summary.TiedUsers:N0} users have interactions with equal timestamps; these keep the file's order.");
        console.WriteSummary(summary, TrainingJsonLines.Default.DatasetSummary);
    }
}
