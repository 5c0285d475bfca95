using NanoRecSys.Core.Progress;

namespace NanoRecSys.UnitTests.Training.Pipeline;

public sealed class TrainingRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();

    private IReadOnlyList<ProgressEvent> Events => ProgressLog.Read(_folder.File("runs/20260102-030405-000"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_counts_its_stages_measures_them_and_ends_completed()
    {
        IReadOnlyList<(string, TimeSpan)> timings = [];
        await ExecuteAsync(async run =>
        {
            await run.StageAsync("prepare", _ => Wait(3));
            await run.StageAsync("evaluate", _ => Wait(1));
            timings = run.Timings;
        });

        Assert.Equal([("prepare", TimeSpan.FromSeconds(3)), ("evaluate", TimeSpan.FromSeconds(1))], timings);
        Assert.Equal([("prepare", 1, "running"), ("evaluate", 2, "running"), ("evaluate", 2, "completed")], Events.Select(e => (e.Stage, e.StageNumber, e.State)));
        Assert.All(Events, e => Assert.Equal(2, e.StageCount));
    }

    [Fact]
    public async Task A_failing_run_ends_failed_with_the_reason()
    {
        await Assert.ThrowsAsync<UserErrorException>(() => ExecuteAsync(run => run.StageAsync<int>("prepare", _ => throw new UserErrorException("No ratings."))));

        Assert.Equal(("failed", "prepare", "No ratings."), (Events[^1].State, Events[^1].Stage, Events[^1].Message));
    }

    [Fact]
    public async Task A_cancelled_run_says_so()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ExecuteAsync(run => run.StageAsync<int>("prepare", _ => throw new OperationCanceledException())));

        Assert.Equal(("failed", "Cancelled."), (Events[^1].State, Events[^1].Message));
    }

    private Task<int> Wait(double seconds)
    {
        _time.Advance(seconds);
        return Task.FromResult(0);
    }

    private Task ExecuteAsync(Func<TrainingRun, Task> work)
    {
        var context = new StepContext(new Workspace(new ArtifactStore(_folder.Path), "set"), 42, new Progress<ProgressEvent>(), CancellationToken.None);
        return TrainingRun.ExecuteAsync(context, new RunConsole(TextWriter.Null, TextWriter.Null, json: false), 2, _time, work);
    }
}
