using System.CommandLine;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

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
