using NanoRecSys.Core.Progress;

namespace NanoRecSys.UnitTests.Core.Progress;

public sealed class ProgressLogTests : FolderTests
{
    [Fact]
    public void A_last_line_that_is_still_being_written_is_left_for_the_next_read()
    {
        string run = Folder.File("run");
        ProgressLog.Append(run, Event(epoch: 1));
        ProgressLog.Append(run, Event(epoch: 2));
        string path = Path.Combine(run, ProgressLog.FileName);
        byte[] whole = File.ReadAllBytes(path);
        File.WriteAllBytes(path, whole[..^10]);
        Assert.Equal([1], ProgressLog.Read(run).Select(progress => progress.Epoch));
        File.WriteAllBytes(path, whole);
        Assert.Equal([1, 2], ProgressLog.Read(run).Select(progress => progress.Epoch));
    }

    [Fact]
    public void A_partial_line_of_a_killed_run_affects_no_other_line()
    {
        string run = Folder.File("run");
        ProgressLog.Append(run, Event(epoch: 1));
        File.AppendAllText(Path.Combine(run, ProgressLog.FileName), "{\"time\":\"2026-0");
        ProgressLog.Append(run, Event(epoch: 2));
        ProgressLog.Append(run, Event(epoch: 3));
        Assert.Equal([1, 3], ProgressLog.Read(run).Select(progress => progress.Epoch));
    }

    [Fact]
    public void The_newest_run_is_the_last_by_name_that_has_a_log()
    {
        Assert.Null(ProgressLog.NewestRun(Folder.File("none")));
        ProgressLog.Append(Folder.File("20260102-000000-000"), Event(epoch: 1));
        ProgressLog.Append(Folder.File("20260101-000000-000"), Event(epoch: 1));
        Directory.CreateDirectory(Folder.File("20260103-000000-000"));
        Assert.Equal(Folder.File("20260102-000000-000"), ProgressLog.NewestRun(Folder.Path));
        Assert.Empty(ProgressLog.Read(Folder.File("20260103-000000-000")));
    }

    private static ProgressEvent Event(int epoch) => new()
    {
        Time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        Run = "run",
        State = ProgressEvent.Running,
        Stage = "train-retriever",
        Epoch = epoch,
    };
}
