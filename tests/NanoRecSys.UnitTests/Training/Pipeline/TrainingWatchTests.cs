using NanoRecSys.Core.Progress;

namespace NanoRecSys.UnitTests.Training.Pipeline;

public sealed class TrainingWatchTests : FolderTests
{
    private readonly StringWriter _output = new();

    public override void Dispose()
    {
        _output.Dispose();
        base.Dispose();
    }

    [Fact]
    public async Task A_schedule_trains_at_its_time_and_again_after_a_failure()
    {
        var time = new SteppingTime(TimeSpan.FromMinutes(1));
        var trained = new List<DateTimeOffset>();
        using var stop = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Watch(time, "0 * * * *", stop.Token).RunAsync(() =>
        {
            trained.Add(time.GetUtcNow());
            if (trained.Count == 3)
            {
                stop.Cancel();
            }

            return trained.Count == 1 ? throw new UserErrorException("The data is gone.") : Task.CompletedTask;
        }, isInterrupted: false));

        Assert.Equal([4, 5, 6], trained.Select(moment => moment.Hour));
        Assert.Contains("Training failed: The data is gone.", _output.ToString(), StringComparison.Ordinal);
        WatchStatus status = WatchFile.Read(Folder.Path)!;
        Assert.Equal(("Training completed.", false, false), (status.LastOutcome, status.Running, status.Training));
    }

    [Theory]
    [InlineData("0 3 * * *", null)]
    [InlineData("0 0 30 2 *", "--schedule '0 0 30 2 *' names a time that never comes.")]
    public void A_schedule_must_have_a_next_time(string schedule, string? reason) => Assert.Equal(reason, TrainingWatch.WhyNoSchedule(schedule));

    [Fact]
    public async Task An_interrupted_training_is_continued_before_the_first_wait()
    {
        using var stop = new CancellationTokenSource();
        WatchStatus? during = null;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Watch(new SteppingTime(TimeSpan.Zero), "0 3 * * *", stop.Token).RunAsync(() =>
        {
            during = WatchFile.Read(Folder.Path);
            stop.Cancel();
            return Task.CompletedTask;
        }, isInterrupted: true));

        Assert.Equal((true, true), (during!.Running, during.Training));
    }

    private TrainingWatch Watch(TimeProvider time, string schedule, CancellationToken cancellation) => new(
        new WatchOptions { Schedule = schedule, Poll = TimeSpan.FromMilliseconds(1) },
        new StepContext(new Workspace(new ArtifactStore(Folder.Path), "data"), Seed: 1, new Progress<ProgressEvent>(), cancellation),
        new RunConsole(_output, _output, json: false), time);

    // Starts at 03:04:05 and advances by a step at each read.
    private sealed class SteppingTime(TimeSpan step) : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => _now += step;
    }
}
