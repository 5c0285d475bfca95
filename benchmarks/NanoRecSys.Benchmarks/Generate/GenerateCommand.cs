using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace NanoRecSys.Benchmarks.Generate;

/// <summary>The verb <c>generate</c>: data of any size, with a structure that is worth learning.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        Option<string> output = new("--output") { Description = "The folder to write ratings.csv and movies.csv into.", Required = true };
        Option<int> users = new("--users") { Description = "Exactly so many.", DefaultValueFactory = _ => 138_000 };
        Option<int> items = new("--items") { Description = "Exactly so many, each rated at least once.", DefaultValueFactory = _ => 27_000 };
        Option<int> ratings = new("--ratings") { Description = "Exactly so many.", DefaultValueFactory = _ => 20_000_000 };
        Option<long> seed = new("--seed") { Description = "The same seed makes the same files.", DefaultValueFactory = _ => 1 };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("generate", "A MovieLens-format folder of generated ratings; the sizes of ML-20M unless told.") { output, users, items, ratings, seed, json };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(
            new GenerateOptions(parsed.GetRequiredValue(output), parsed.GetValue(users), parsed.GetValue(items), parsed.GetValue(ratings), parsed.GetValue(seed)),
            parsed.GetValue(json), cancellation)));
        return command;
    }

    private static int Run(GenerateOptions options, bool json, CancellationToken cancellation)
    {
        Stopwatch clock = Stopwatch.StartNew();
        int[] activity;
        try
        {
            activity = WriteWithProgress(options, cancellation);
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            Console.Error.WriteLine(options.Impossible ?? e.Message);
            return 1;
        }

        Array.Sort(activity);
        double seconds = clock.Elapsed.TotalSeconds;
        int median = activity[activity.Length / 2];
        double mean = (double)options.Ratings / options.Users;
        AnsiConsole.Write(new Table().Title(Markup.Escape(options.Output)).AddColumns("figure", "value")
            .AddRow("users", Text(options.Users)).AddRow("items", Text(options.Items)).AddRow("ratings", Text(options.Ratings))
            .AddRow("ratings a user, least", Text(activity[0])).AddRow("ratings a user, median", Text(median))
            .AddRow("ratings a user, mean", mean.ToString("0.0", CultureInfo.InvariantCulture)).AddRow("ratings a user, most", Text(activity[^1]))
            .AddRow("seconds", seconds.ToString("0.0", CultureInfo.InvariantCulture)));
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                output = options.Output,
                users = options.Users,
                items = options.Items,
                ratings = options.Ratings,
                seed = options.Seed,
                least = activity[0],
                median,
                mean,
                most = activity[^1],
                seconds,
            }));
        }

        return 0;
    }

    // On standard error: standard output is the table's and the JSON's.
    private static int[] WriteWithProgress(GenerateOptions options, CancellationToken cancellation)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask("ratings", maxValue: options.Ratings);
                return GeneratedData.Write(options, written => task.Value = written, cancellation);
            });
    }

    private static string Text(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
