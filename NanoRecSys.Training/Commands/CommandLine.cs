using System.CommandLine;
using System.CommandLine.Invocation;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

/// <summary>The program's command line: its verbs, and how they end.</summary>
public static class CommandLine
{
    public const int Failure = 1;
    public const int Cancelled = 130; // What shells report of a program that Ctrl+C stopped.
    private static readonly TimeSpan TimeToStop = TimeSpan.FromSeconds(30);

    /// <returns>0, or else the reason was written to <paramref name="error"/> as one line.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, TextWriter output, TextWriter error, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(error);
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
