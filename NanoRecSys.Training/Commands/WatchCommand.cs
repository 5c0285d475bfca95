using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class WatchCommand
{
    private static readonly Option<string> Schedule = Text(
        "--schedule", "When to train: a cron expression in local time, such as \"0 3 * * *\" for three o'clock every night", "CRON")
        .Rejecting(TrainingWatch.WhyNoSchedule);

    private static readonly Option<int> AfterEvents = Number("--after-events", "Train after this many new events");

    public static Command Create(CommandFactory factory) => factory.Create(
        "watch",
        "Train on a schedule, or after a number of new events: each training does what 'run' does, starts from the served weights if they fit, and is published "
        + "unless it is significantly worse",
        [Schedule, AfterEvents, .. RunCommand.Settings], RunAsync);

    private static Task RunAsync(ParseResult parse, StepContext context, RunConsole console)
    {
        RunOptions run = RunCommand.Read(parse) with { WarmStart = true };
        // The API's own setting, so that no option is needed under the AppHost.
        string? events = run.Prepare.Events ?? Environment.GetEnvironmentVariable("ConnectionStrings__cache");
        run = run with { Prepare = run.Prepare with { Events = events } };
        int? after = parse.GetResult(AfterEvents) is null ? null : parse.GetValue(AfterEvents);
        var options = new WatchOptions { Schedule = parse.GetValue(Schedule), AfterEvents = after, Events = events };
        UserErrorException.ThrowIf(options is { Schedule: null, AfterEvents: null },
            $"watch needs to know when to train: set --schedule, --after-events, or both.");
        UserErrorException.ThrowIf(after is not null && events is null,
            $"--after-events counts the API's events: set --events to its Redis, redis://HOST:PORT.");

        var watch = new TrainingWatch(options, context, console, TimeProvider.System);
        return watch.RunAsync(
            () => CommandFactory.TrainAsync(context, console, RunCommand.StagesOf(run), training => RunCommand.RunAsync(training, run)),
            RunJournal.IsInterrupted(context.Workspace, run.Command));
    }
}
