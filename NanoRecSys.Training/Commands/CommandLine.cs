using System.CommandLine;
using System.CommandLine.Invocation;
using System.Globalization;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Commands;

/// <summary>The program's command line: its verbs, and how they end.</summary>
internal static class CommandLine
{
    public const int Failure = 1;
    public const int Cancelled = 130; // What shells report of a program that Ctrl+C stopped.
    private static readonly TimeSpan TimeToStop = TimeSpan.FromSeconds(30);

    /// <returns>0, or else the reason was written to <paramref name="error"/> as one line.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, TextWriter output, TextWriter error, CancellationToken cancellation = default)
    {
        ParseResult parse = CreateRoot(output, error).Parse(args);
        if (parse.Action is ParseErrorAction)
        {
            await error.WriteLineAsync(Explain(parse));
            return Failure;
        }

        try
        {
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeToStop, Output = output, Error = error };
            return await parse.InvokeAsync(configuration, cancellation);
        }
        catch (OperationCanceledException e) when (e.InnerException is not TimeoutException) // HttpClient's time limit comes as one.
        {
            await error.WriteLineAsync("Cancelled.");
            return Cancelled;
        }
        catch (Exception e) when (e is UserErrorException or ArtifactException or IOException or UnauthorizedAccessException or HttpRequestException or OperationCanceledException)
        {
            await error.WriteLineAsync(e.Message.ReplaceLineEndings(" "));
            return Failure;
        }
    }

    private static string Explain(ParseResult parse)
    {
        // A mistyped verb also counts as a missing one; what was typed tells more.
        string reason = parse.UnmatchedTokens is [var token, ..] ? $"There is no verb or option '{token}' here." : parse.Errors[0].Message;
        Command command = parse.CommandResult.Command;
        string line = string.Join(' ', reason.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)); // Lists of choices come on lines of their own.
        return $"{line} See {(command is RootCommand ? "" : command.Name + " ")}--help.";
    }

    private static RootCommand CreateRoot(TextWriter output, TextWriter error)
    {
        var root = new RootCommand("Trains NanoRecSys: from MovieLens ratings to a published version that the API serves.");
        foreach (Option option in CommonOptions.All)
        {
            root.Options.Add(option);
        }

        Verbs verbs = new(output, error);
        root.Subcommands.Add(PrepareCommand.Create(verbs));
        root.Subcommands.Add(EstimateCommand.Create(verbs));
        root.Subcommands.Add(TrainRetrieverCommand.Create(verbs));
        root.Subcommands.Add(ImportCommand.Create(verbs));
        root.Subcommands.Add(TrainBaselineCommand.Create(verbs));
        root.Subcommands.Add(MineNegativesCommand.Create(verbs));
        root.Subcommands.Add(TrainRankerCommand.Create(verbs));
        root.Subcommands.Add(EvaluateCommand.Create(verbs));
        root.Subcommands.Add(ExportCommand.Create(verbs));
        root.Subcommands.Add(IndexCommand.Create(verbs));
        root.Subcommands.Add(AnnBenchmarkCommand.Create(verbs));
        root.Subcommands.Add(ExpandCommand.Create(verbs));
        root.Subcommands.Add(PublishCommand.Create(verbs));
        root.Subcommands.Add(RunCommand.Create(verbs));
        return root;
    }
}

/// <summary>The options that every verb has.</summary>
internal static class CommonOptions
{
    public static readonly Option<string> Data = new("--data")
    {
        Description = "small (the sample that ships with the program), " + string.Join(", ", DatasetSource.KnownNames) + " (downloaded from GroupLens), or the path of a MovieLens folder or .zip",
        HelpName = "NAME|PATH",
        DefaultValueFactory = _ => DatasetSource.Small,
        Recursive = true,
    };

    public static readonly Option<string> Artifacts = new("--artifacts")
    {
        Description = "Folder of everything that is made; the environment variable Artifacts__Path sets the default",
        HelpName = "DIR",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("Artifacts__Path") is { Length: > 0 } path ? path : "artifacts",
        Recursive = true,
    };

    public static readonly Option<long> Seed = new("--seed")
    {
        Description = "Seed of all randomness",
        DefaultValueFactory = _ => 42,
        Recursive = true,
    };

    public static readonly Option<int> Threads = new("--threads")
    {
        Description = "CPU threads to compute with",
        DefaultValueFactory = _ => Environment.ProcessorCount,
        Recursive = true,
    };

    public static readonly Option<string> Device = new("--device")
    {
        Description = "Device that the retriever is trained and evaluated on; auto is a GPU where there is one. A GPU needs a build with -p:TorchDevice=cuda",
        HelpName = "auto|cpu|cuda|cuda:N",
        DefaultValueFactory = _ => TorchDevice.Auto,
        Recursive = true,
    };

    public static readonly Option<bool> Json = new("--json")
    {
        Description = "End with one line of JSON on standard output; all else then goes to standard error",
        Recursive = true,
    };

    static CommonOptions()
    {
        Threads.AtLeast(1);
        Device.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !TorchDevice.IsName(token.Value))
            {
                result.AddError($"--device must be auto, cpu, cuda or cuda:N, not '{token.Value}'.");
            }
        });
    }

    public static IEnumerable<Option> All => [Data, Artifacts, Seed, Threads, Device, Json];

    /// <exception cref="UserErrorException">No such data, or a device that torch does not have here.</exception>
    public static RunSettings Read(ParseResult parse)
    {
        return new RunSettings(
            new Workspace(new ArtifactStore(parse.GetRequiredValue(Artifacts)), DatasetSource.NameOf(parse.GetRequiredValue(Data))),
            parse.GetRequiredValue(Seed), parse.GetRequiredValue(Threads), TorchDevice.Resolve(parse.GetRequiredValue(Device)));
    }

    /// <summary>Refuses smaller numbers while the line is parsed, before anything is computed.</summary>
    public static void AtLeast(this Option option, int least) => option.Validators.Add(result =>
    {
        // Text that is no number at all is the parser's to report.
        if (result.Tokens is [var token] && int.TryParse(token.Value, out int value) && value < least)
        {
            result.AddError($"{option.Name} must be {least} or more, not {value}.");
        }
    });
}

/// <summary>Options that are one value with a default.</summary>
internal static class Settings
{
    public static Option<int> Number(string name, string description, int value, int least = 1)
    {
        Option<int> option = NumberWithoutDefault(name, description, least);
        option.DefaultValueFactory = _ => value;
        return option;
    }

    /// <summary>Without a default: who does not give it leaves a preset's value.</summary>
    public static Option<int> NumberWithoutDefault(string name, string description, int least)
    {
        var option = new Option<int>(name) { Description = description };
        option.AtLeast(least);
        return option;
    }

    /// <summary>A number of 0 or more, with a point whatever the machine's language.</summary>
    public static Option<double> Real(string name, string description, double value) => Real(name, description).WithDefault(value);

    /// <summary>Without a default: who does not give it leaves a preset's value.</summary>
    public static Option<double> Real(string name, string description) =>
        RealWithin(name, description, "0 or more", given => given >= 0 && double.IsFinite(given));

    /// <inheritdoc cref="Real(string, string)"/>
    public static Option<double> PositiveReal(string name, string description) =>
        RealWithin(name, description, "more than 0", given => given > 0 && double.IsFinite(given));

    public static Option<double> WithDefault(this Option<double> option, double value)
    {
        option.DefaultValueFactory = _ => value;
        return option;
    }

    /// <summary>A part of something, and not all of it.</summary>
    public static Option<double> Share(string name, string description) =>
        RealWithin(name, description, "0 or more and less than 1", given => given is >= 0 and < 1);

    public static Option<string> Choice(string name, string description, string value, string[] choices)
    {
        Option<string> option = Choice(name, description, choices);
        option.DefaultValueFactory = _ => value;
        return option;
    }

    /// <summary>Without a default: who does not give it leaves a preset's value.</summary>
    public static Option<string> Choice(string name, string description, string[] choices)
    {
        var option = new Option<string>(name) { Description = $"{description}: {string.Join(", ", choices)}" };
        option.AcceptOnlyFromAmong(choices);
        return option;
    }

    private static Option<double> RealWithin(string name, string description, string range, Predicate<double> isWithin)
    {
        var option = new Option<double>(name) { Description = description };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && double.TryParse(token.Value, CultureInfo.InvariantCulture, out double given) && !isWithin(given))
            {
                result.AddError($"{name} must be {range}, not {token.Value}.");
            }
        });
        return option;
    }
}

/// <summary>What all verbs share: they read the common options and run their step as a run of one stage.</summary>
internal sealed class Verbs(TextWriter output, TextWriter error)
{
    /// <param name="name">The verb.</param>
    /// <param name="description">For <c>--help</c>.</param>
    /// <param name="options">Beside the common ones.</param>
    /// <param name="step">Reads its options and works.</param>
    /// <param name="show">Prints the result, for people and as JSON.</param>
    public Command Create<T>(
        string name, string description, IEnumerable<Option> options, Func<ParseResult, StepContext, Task<T>> step, Action<T, RunConsole> show) =>
        Create(name, description, options, stages: 1, async (parse, run) => show(await run.StageAsync(name, context => step(parse, context)), run.Console));

    /// <param name="name">The verb.</param>
    /// <param name="description">For <c>--help</c>.</param>
    /// <param name="options">Beside the common ones.</param>
    /// <param name="stages">Of the run.</param>
    /// <param name="work">Runs the stages.</param>
    /// <param name="needless">Given whether another training holds the workspace, why there is nothing to do; null to go on.</param>
    public Command Create(
        string name, string description, IEnumerable<Option> options, int stages, Func<ParseResult, TrainingRun, Task> work,
        Func<ParseResult, Workspace, bool, string?>? needless = null)
    {
        var command = new Command(name, description);
        foreach (Option option in options)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (parse, cancellation) =>
        {
            var console = new RunConsole(output, error, parse.GetValue(CommonOptions.Json));
            RunSettings settings = CommonOptions.Read(parse);
            using IDisposable? workspaceLock = settings.Workspace.TryLock();
            if (needless?.Invoke(parse, settings.Workspace, workspaceLock is null) is { } reason)
            {
                console.WriteLine(reason);
                return 0;
            }

            if (workspaceLock is null)
            {
                throw new UserErrorException(
                    $"Another training of '{settings.Workspace.Dataset}' is running in {settings.Workspace.Store.Root}. Wait until it ends, or use another --artifacts folder.");
            }

            await TrainingRun.ExecuteAsync(settings, console, stages, TimeProvider.System, run => work(parse, run), cancellation);
            return 0;
        });
        return command;
    }
}

/// <summary>An option that stands in for one of a preset's settings where it is given.</summary>
/// <param name="Option">As the command line has it.</param>
/// <param name="Apply">The settings with what was given.</param>
internal sealed record RetrieverSetting(Option Option, Func<ParseResult, TrainRetrieverOptions, TrainRetrieverOptions> Apply)
{
    public static RetrieverSetting Of<T>(Option<T> option, Func<TrainRetrieverOptions, T, TrainRetrieverOptions> set) => new(
        option,
        (parse, options) => parse.GetResult(option) is null or { Implicit: true } ? options : set(options, parse.GetRequiredValue(option)));
}
