using Cronos;
using NanoRecSys.Core.Events;

namespace NanoRecSys.Training.Pipeline;

/// <summary>
/// Trains repeatedly: on a schedule, after a number of new events, or at once if a training was interrupted. What it waits for is in
/// <c>artifacts/watch.json</c>, which the API shows.
/// </summary>
/// <param name="context">The artifacts folder and the data's name.</param>
internal sealed class TrainingWatch(WatchOptions options, StepContext context, RunConsole console, TimeProvider time)
{
    private readonly CronExpression? _schedule = options.Schedule is { } text ? CronExpression.Parse(text) : null;
    private WatchStatus _status = new(context.Workspace.Dataset, time.GetUtcNow()) { Schedule = options.Schedule, AfterEvents = options.AfterEvents };
    private long _events; // in the store and the archive, at the last count

    /// <returns>What is wrong with a cron expression, such as a day that no month has; null if nothing.</returns>
    public static string? WhyNoSchedule(string text)
    {
        try
        {
            return CronExpression.Parse(text).GetNextOccurrence(DateTime.UtcNow) is null ? $"--schedule '{text}' names a time that never comes." : null;
        }
        catch (CronFormatException e)
        {
            return $"--schedule '{text}' is not a cron expression: {e.Message} Its fields are minute, hour, day of the month, month and day of the week, such as \"0 3 * * *\".";
        }
    }

    /// <summary>Returns only on cancellation.</summary>
    /// <param name="train">One training, from the data to the published version; failures are reported, and watching continues.</param>
    /// <param name="isInterrupted">Whether an earlier training should be continued first.</param>
    /// <exception cref="UserErrorException">Another process watches the same data.</exception>
    public async Task RunAsync(Func<Task> train, bool isInterrupted)
    {
        ArtifactStore store = context.Workspace.Store;
        using IDisposable only = FolderLock.TryTake(context.Workspace.WorkFolder, "watch")
            ?? throw new UserErrorException($"Another 'watch' of '{_status.Dataset}' is running in {store.Root}. Stop it first.");
        long trained = WatchFile.Read(store.Root) is { } earlier && earlier.Dataset == _status.Dataset ? earlier.TrainedEvents : 0;
        _status = _status with { TrainedEvents = trained };
        try
        {
            for (bool isDue = isInterrupted; ; isDue = false)
            {
                await (isDue ? CountAsync() : WaitAsync());

                Write(_status with { Training = true, Next = null });
                long events = _events;
                string outcome = await TryAsync(train);
                console.WriteLine(outcome);
                Write(_status with { Training = false, TrainedEvents = events, NewEvents = 0, LastOutcome = outcome, LastEnded = time.GetUtcNow() });
            }
        }
        finally
        {
            Write(_status with { Training = false, Next = null, Running = false });
        }
    }

    private async Task WaitAsync()
    {
        DateTimeOffset? next = _schedule?.GetNextOccurrence(time.GetUtcNow(), TimeZoneInfo.Local);
        await UpdateAsync();
        console.WriteLine(Describe(next));
        while (!(_status.NewEvents >= options.AfterEvents || next <= time.GetUtcNow()))
        {
            await Task.Delay(options.Poll, time, context.Cancellation);
            await UpdateAsync();
        }

        async Task UpdateAsync()
        {
            await CountAsync();
            Write(_status with { Next = next, NewEvents = Math.Max(0, _events - _status.TrainedEvents) });
        }
    }

    private string Describe(DateTimeOffset? next) => "Waiting for " + string.Join(" or ", new[]
    {
        next is { } moment ? $"{moment.ToLocalTime().ToString("yyyy-MM-dd HH:mm zzz", CultureInfo.InvariantCulture)}" : null,
        options.AfterEvents is { } events ? $"{events:N0} new events ({_status.NewEvents:N0} so far)" : null,
    }.OfType<string>()) + ".";

    // A store that is away now may be back at the next poll.
    private async Task CountAsync()
    {
        if (options.Events is null)
        {
            return;
        }

        try
        {
            _events = await LiveEvents.CountAsync(options.Events, new EventArchive(context.Workspace.Store.Root), context.Cancellation);
        }
        catch (UserErrorException e)
        {
            if (_status.Problem is null)
            {
                console.WriteLine(e.Message);
            }

            _status = _status with { Problem = e.Message };
            return;
        }

        _status = _status with { Problem = null, TrainedEvents = Math.Min(_status.TrainedEvents, _events) }; // lower if events were deleted
    }

    private async Task<string> TryAsync(Func<Task> train)
    {
        try
        {
            await train();
            return "Training completed.";
        }
        catch (Exception e) when (!context.Cancellation.IsCancellationRequested)
        {
            return $"Training failed: {e.FirstLine()}";
        }
    }

    private void Write(WatchStatus status)
    {
        _status = status with { Updated = time.GetUtcNow() };
        WatchFile.Write(context.Workspace.Store.Root, _status);
    }
}

/// <summary>When <c>watch</c> trains: at least one of the first two.</summary>
internal sealed record WatchOptions
{
    /// <summary>A cron expression in local time.</summary>
    public string? Schedule { get; init; }

    /// <summary>Events since the last training.</summary>
    public int? AfterEvents { get; init; }

    /// <summary>Redis whose events are counted.</summary>
    public string? Events { get; init; }

    /// <summary>Time between checks of the store and the clock.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(30);
}
