using System.CommandLine;
using System.CommandLine.Parsing;
using System.CommandLine.Invocation;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class CommandLine
{
    public const int Failure = 1;
    private const string LogLevel = "Logging__LogLevel__Default"; // the same variable as in the other services
    public const int Cancelled = 130; // the exit code that shells report after Ctrl+C
    private static readonly TimeSpan TimeToStop = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync(IReadOnlyList<string> args, TextWriter output, TextWriter error, CancellationToken cancellation = default)
    {
        string command = "";
        try
        {
            ParseResult parse = CreateRoot(output, error).Parse(args);
            command = parse.CommandResult.Command.Name;
            if (parse.Action is ParseErrorAction)
            {
                await error.WriteLineAsync(Explain(parse));
                return Failure;
            }

            return await parse.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeToStop, Output = output, Error = error },
                cancellation);
        }
        catch (OperationCanceledException e) when (e.InnerException is not TimeoutException) // HttpClient's timeouts are this exception, too
        {
            await error.WriteLineAsync($"Cancelled.{HowToContinue(command)}");
            return Cancelled;
        }
        catch (Exception e) when (
            e is UserErrorException or ArtifactException or IOException or UnauthorizedAccessException or HttpRequestException or OperationCanceledException)
        {
            await error.WriteLineAsync(e.Message.ReplaceLineEndings(" "));
            return Failure;
        }
        catch (Exception e)
        {
            // A bug, or unforeseen input: still one line, without the stack that libtorch puts into its messages.
            bool isDebug = "Debug".Equals(Environment.GetEnvironmentVariable(LogLevel), StringComparison.OrdinalIgnoreCase);
            await error.WriteLineAsync(isDebug ? e.ToString() : $"Unexpected error: {e.FirstLine()} ({e.GetType().Name}). Set {LogLevel}=Debug to see where it occurred.");
            return Failure;
        }
    }

    private static string HowToContinue(string command) => command switch
    {
        "run" or "recommend" => " Run the same command again to continue.",
        "train-retriever" or "train-ranker" => " Run it again with --resume to continue.",
        _ => "",
    };

    private static string Explain(ParseResult parse)
    {
        // The parser also reports a mistyped command as missing; the typed text is more helpful.
        string? token = parse.UnmatchedTokens.Concat(parse.Tokens.Where(one => one.Type == TokenType.Argument && one.Value.StartsWith("--", StringComparison.Ordinal)).Select(one => one.Value)).FirstOrDefault();
        string reason = token is not null ? $"Unknown command or option '{token}'." : parse.Errors[0].Message;
        Command command = parse.CommandResult.Command;
        string line = string.Join(' ', reason.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)); // lists of choices span several lines
        return $"{line} See {(command is RootCommand ? "" : command.Name + " ")}--help.";
    }

    private static RootCommand CreateRoot(TextWriter output, TextWriter error)
    {
        var factory = new CommandFactory(output, error);
        var root = new RootCommand("Trains NanoRecSys: from interactions of users with items to a published version that the API serves.")
        {
            InspectCommand.Create(factory),
            PrepareCommand.Create(factory),
            EstimateCommand.Create(factory),
            TrainRetrieverCommand.Create(factory),
            ImportCommand.Create(factory),
            TrainBaselineCommand.Create(factory),
            MineNegativesCommand.Create(factory),
            TrainRankerCommand.Create(factory),
            RaceCommand.Create(factory),
            RefitCommand.Create(factory),
            EvaluateCommand.Create(factory),
            FinalFitCommand.Create(factory),
            ExportCommand.Create(factory),
            IndexCommand.Create(factory),
            AnnBenchmarkCommand.Create(factory),
            ExpandCommand.Create(factory),
            PublishCommand.Create(factory),
            RecommendCommand.Create(factory),
            ScrubCommand.Create(factory),
            RunCommand.Create(factory),
            WatchCommand.Create(factory),
        };
        foreach (Option option in CommonOptions.All)
        {
            option.Recursive = true;
            root.Options.Add(option);
        }

        return root;
    }
}

internal static class CommonOptions
{
    public static readonly Option<string> Data = Text(
        "--data", $"Data set: small (the sample that ships with the program), {string.Join(", ", TrainingNames.Datasets)} (downloaded from GroupLens), "
        + "or the path of a file, a folder or a .zip of interactions, or a file pattern (CSV, TSV, JSON lines, JSON, Parquet, with gz or zst too)", "NAME|PATH", TrainingNames.Sample);

    public static readonly Option<bool> Json = Flag("--json", "Write the result as one line of JSON to standard output, and everything else to standard error");

    private static readonly Option<string> Artifacts = Text(
        "--artifacts", "Folder for all output; the environment variable Artifacts__Path sets the default", "DIR",
        Environment.GetEnvironmentVariable("Artifacts__Path") is { } path && !string.IsNullOrWhiteSpace(path) ? path : "artifacts");

    private static readonly Option<long> Seed = Options.Seed("--seed", "Random seed", 42);
    private static readonly Option<int> Threads = Number("--threads", "CPU threads to use", Environment.ProcessorCount, most: 1_024);

    private static readonly Option<string> Device = Text(
        "--device", "Device that trains and evaluates the retriever; auto uses a GPU if there is one. A GPU needs a build with -p:TorchDevice=cuda",
        "auto|cpu|cuda|cuda:N", TorchDevice.Auto)
        .Rejecting(name => TorchDevice.IsName(name) ? null : $"--device must be auto, cpu, cuda or cuda:N, not '{name}'.");

    public static IEnumerable<Option> All => [Data, Artifacts, Seed, Threads, Device, Json];

    public static StepContext Read(ParseResult parse, CancellationToken cancellation) => new(
        new Workspace(new ArtifactStore(parse.GetRequiredValue(Artifacts)), DatasetSource.NameOf(parse.GetRequiredValue(Data))),
        parse.GetRequiredValue(Seed), new Progress<ProgressEvent>(), cancellation)
    {
        Threads = parse.GetRequiredValue(Threads),
        Device = TorchDevice.Resolve(parse.GetRequiredValue(Device)),
    };
}

/// <summary>Creates commands: each reads the common options, locks its data set and executes its stages as one run.</summary>
internal sealed class CommandFactory(TextWriter output, TextWriter error)
{
    public Command Create<T>(
        string name, string description, IEnumerable<Option> options, Func<ParseResult, StepContext, Task<T>> step, Action<T, RunConsole> show,
        Func<ParseResult, bool>? prepares = null) =>
        Create(
            name, description, options, _ => 1,
            async (parse, run) =>
            {
                T result = await run.StageAsync(name, context => step(parse, context));
                show(result, run.Console);
                run.Console.WriteSummary(result);
            }, prepares: prepares);

    /// <summary>A command that only reads published versions: it can run during a training, and the pages do not show it as one.</summary>
    public Command CreateReader<T>(
        string name, string description, IEnumerable<Option> options, Func<ParseResult, StepContext, Task<T>> step, Action<T, RunConsole> show) =>
        Create(name, description, options, async (parse, context, console) =>
        {
            T result;
            await using (IStageDisplay display = console.Open(name, TimeProvider.System))
            {
                var reporter = new StepReporter(null, new ProgressEvent { Stage = name }, display, TimeProvider.System);
                result = await Task.Run(() => step(parse, context with { Progress = reporter }), context.Cancellation);
            }

            show(result, console);
            console.WriteSummary(result);
        });

    /// <summary>A command that does everything itself.</summary>
    public Command Create(string name, string description, IEnumerable<Option> options, Func<ParseResult, StepContext, RunConsole, Task> action)
    {
        var command = new Command(name, description);
        foreach (Option option in options)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (parse, cancellation) =>
        {
            await action(parse, CommonOptions.Read(parse, cancellation), new RunConsole(output, error, parse.GetValue(CommonOptions.Json)));
            return 0;
        });
        return command;
    }

    /// <summary>
    /// A command of several stages. <paramref name="isNeedless"/> receives whether another training holds the workspace, and returns why there is
    /// nothing to do, or null to continue. <paramref name="prepares"/> says whether the command replaces the prepared data; the others
    /// require that it was prepared from <c>--data</c>.
    /// </summary>
    public Command Create(
        string name, string description, IEnumerable<Option> options, Func<ParseResult, int> stages, Func<ParseResult, TrainingRun, Task> work,
        Func<ParseResult, Workspace, bool, string?>? isNeedless = null, Func<ParseResult, bool>? prepares = null) =>
        Create(name, description, options, async (parse, context, console) =>
        {
            Workspace workspace = context.Workspace;
            using IDisposable? workspaceLock = workspace.TryLock();
            if (isNeedless?.Invoke(parse, workspace, workspaceLock is null) is { } reason)
            {
                console.WriteLine(reason);
                return;
            }

            if (workspaceLock is null)
            {
                throw new UserErrorException($"A training of '{workspace.Dataset}' is running in {workspace.Store.Root} (process {workspace.LockHolder()}). "
                    + "Wait until it ends, or use another --artifacts folder.");
            }

            if (name != RunCommand.Name)
            {
                File.Delete(workspace.RunFile); // an interrupted run cannot continue after another command changed its files
            }

            if (prepares?.Invoke(parse) != true)
            {
                await DatasetSource.RequireUnchangedAsync(parse.GetRequiredValue(CommonOptions.Data), workspace, context.Cancellation);
            }

            await TrainingRun.ExecuteAsync(context, console, stages(parse), TimeProvider.System, run => work(parse, run));
        });

    /// <summary>One training of a command that trains repeatedly. It takes the data set's lock, and waits if another training holds it.</summary>
    public static async Task TrainAsync(StepContext context, RunConsole console, int stages, Func<TrainingRun, Task> work)
    {
        IDisposable? taken;
        while ((taken = context.Workspace.TryLock()) is null)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), context.Cancellation);
        }

        using IDisposable workspaceLock = taken;
        await TrainingRun.ExecuteAsync(context, console, stages, TimeProvider.System, work);
    }
}
