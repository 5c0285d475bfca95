using System.CommandLine;
using System.Text.Json;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class PrepareCommand
{
    private static readonly Option<int> KCore = new("--k-core")
    {
        Description = "Drop users and items with fewer interactions than this, until none is left; 0 keeps all",
        DefaultValueFactory = _ => 0,
    };

    static PrepareCommand() => KCore.AtLeast(0);

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
        console.WriteJson(JsonSerializer.Serialize(summary, TrainingJsonLines.Default.DatasetSummary));
    }
}
