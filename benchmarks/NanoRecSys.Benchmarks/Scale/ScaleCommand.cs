using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using NanoRecSys.Training.Export;
using Spectre.Console;

namespace NanoRecSys.Benchmarks.Scale;

/// <summary>
/// The verb <c>scale</c>: a version of any size to serve, without hours of training; what it costs to serve does not depend
/// on what it learnt.
/// </summary>
internal static class ScaleCommand
{
    public static Command Create()
    {
        Option<string> output = new("--artifacts") { Description = "The artifacts folder to publish into.", Required = true };
        Option<string?> data = new("--data") { Description = "A MovieLens-format folder to serve; left out, one is generated beside the artifacts." };
        Option<int> users = new("--users") { Description = "Of generated data.", DefaultValueFactory = _ => 138_493 };
        Option<int> items = new("--items") { Description = "Of generated data.", DefaultValueFactory = _ => 26_744 };
        Option<int> ratings = new("--ratings") { Description = "Of generated data.", DefaultValueFactory = _ => 20_000_263 };
        Option<int> dimension = new("--dimension") { Description = "Width of the embeddings.", DefaultValueFactory = _ => 256 };
        Option<int> blocks = new("--blocks") { Description = "Blocks of the user tower.", DefaultValueFactory = _ => 4 };
        Option<int> heads = new("--heads") { Description = "Attention heads.", DefaultValueFactory = _ => 8 };
        Option<int> hidden = new("--feed-forward") { Description = "Hidden width of SwiGLU.", DefaultValueFactory = _ => 1024 };
        Option<string> embeddings = new("--user-embeddings") { Description = "Encode all users ahead: all (minutes) or none.", DefaultValueFactory = _ => "all" };
        embeddings.AcceptOnlyFromAmong("all", "none");
        Option<int> seed = new("--seed") { Description = "Of data and weights.", DefaultValueFactory = _ => 1 };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("scale", "Publish a version with random weights; the sizes of the reference on ML-20M unless told.")
        {
            output, data, users, items, ratings, dimension, blocks, heads, hidden, embeddings, seed, json,
        };
        command.SetAction((parsed, cancellation) => RunAsync(
            new ScaleOptions(
                parsed.GetRequiredValue(output), parsed.GetValue(data), parsed.GetValue(users), parsed.GetValue(items), parsed.GetValue(ratings),
                parsed.GetValue(dimension), parsed.GetValue(blocks), parsed.GetValue(heads), parsed.GetValue(hidden),
                parsed.GetValue(embeddings) == "all", parsed.GetValue(seed)),
            parsed.GetValue(json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ScaleOptions options, bool json, CancellationToken cancellation)
    {
        Stopwatch clock = Stopwatch.StartNew();
        PublishSummary published;
        try
        {
            published = await ScaledVersion.PublishAsync(options, new StandardErrorProgress(), cancellation);
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException or InvalidDataException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }

        AnsiConsole.Write(new Table().AddColumns("figure", "value")
            .AddRow("version", published.Version)
            .AddRow("megabytes", (published.Bytes / 1e6).ToString("N1", CultureInfo.InvariantCulture))
            .AddRow("seconds", clock.Elapsed.TotalSeconds.ToString("N0", CultureInfo.InvariantCulture)));
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { version = published.Version, folder = published.Folder, bytes = published.Bytes, seconds = clock.Elapsed.TotalSeconds }));
        }

        return 0;
    }
}
