using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using NanoRecSys.Benchmarks.Load;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using Spectre.Console;

namespace NanoRecSys.Benchmarks.Evaluation;

/// <summary>The verb <c>live-metrics</c>: hit ratios through a running API beside those of the offline ranking, of the same users.</summary>
internal static class LiveMetricsCommand
{
    public static Command Create()
    {
        Option<string> data = new("--data") { Description = "What the training program was given as --data.", DefaultValueFactory = _ => DatasetSource.Small };
        Option<string> artifacts = new("--artifacts") { Description = "Its artifacts folder.", DefaultValueFactory = _ => "artifacts" };
        Option<Uri> url = ApiAddress.CreateOption();
        Option<string> model = new("--model") { Description = "What the version was published with: ranker, or retriever where --ranker never was given.", DefaultValueFactory = _ => "retriever" };
        model.AcceptOnlyFromAmong("retriever", "ranker");
        Option<int> users = new("--users") { Description = "Users to ask for, drawn at random.", DefaultValueFactory = _ => 1_000 };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new(
            "live-metrics", "HR@10/50/100 on validation through /recommend, beside the offline ranking's; of a version published with --serve-split train.")
        {
            data, artifacts, url, model, users, json,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            LibTorch.Load();
            var workspace = new Workspace(new ArtifactStore(parsed.GetValue(artifacts)!), DatasetSource.NameOf(parsed.GetValue(data)!));
            using HttpClient api = new() { BaseAddress = parsed.GetValue(url) };
            var context = new StepContext(workspace, Seed: 1, new Progress<StepProgress>(), cancellation);
            return await RunAsync(api, context, parsed.GetValue(model)!, parsed.GetValue(users), parsed.GetValue(json));
        });
        return command;
    }

    private static async Task<int> RunAsync(HttpClient api, StepContext context, string model, int users, bool json)
    {
        try
        {
            Report(await LiveMetrics.MeasureAsync(api, context, model, users), json);
            return 0;
        }
        catch (HttpRequestException e)
        {
            await Console.Error.WriteLineAsync($"{api.BaseAddress} does not recommend: {e.Message}");
        }
        catch (UserErrorException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
        }

        return 1;
    }

    private static void Report(IReadOnlyList<LiveAgreement> places, bool json)
    {
        Table table = new Table().Title("Validation items among the first recommendations").AddColumns("HR", "live", "offline", "users who differ");
        foreach (LiveAgreement at in places)
        {
            table.AddRow($"@{at.Place}", Text(at.Live), Text(at.Offline), at.Differ.ToString(CultureInfo.InvariantCulture));
        }

        AnsiConsole.Write(table);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(places, JsonSerializerOptions.Web));
        }
    }

    private static string Text(double share) => share.ToString("F4", CultureInfo.InvariantCulture);
}
