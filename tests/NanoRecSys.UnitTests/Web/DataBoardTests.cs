using NanoRecSys.Web.Components.Data;

namespace NanoRecSys.UnitTests.Web;

public sealed class DataBoardTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 29, 19, 0, 0, TimeSpan.Zero);
    private static readonly WatchStatus Watch = new("small", Now) { Schedule = "0 3 * * *", Next = Now.AddHours(8), AfterEvents = 5_000, NewEvents = 1_200 };

    public static TheoryData<WatchStatus?, string, string?> Statuses { get; } = new()
    {
        { null, "manual", "no schedule" },
        { Watch, "30 Nov 03:00", "UTC, or at 5,000 new events (1,200 so far)" },
        { Watch with { AfterEvents = null }, "30 Nov 03:00", "UTC, 1,200 new events so far" },
        { Watch with { Schedule = null, Next = null }, "by events", "at 5,000 new events (1,200 so far)" },
        { Watch with { Problem = "Redis does not answer." }, "30 Nov 03:00", "UTC, events cannot be counted" },
        { Watch with { Training = true, Next = null, Updated = Now.AddHours(-1) }, "running", "since 29 Nov 18:00 UTC" },
        { Watch with { Running = false }, "stopped", "since 29 Nov 19:00 UTC" },
        { Watch with { Updated = Now.AddMinutes(-3) }, "stopped", "silent since 29 Nov 18:57 UTC" }, // the process was killed
    };

    [Theory]
    [MemberData(nameof(Statuses))]
    public void The_next_training_is_read_from_the_status_of_watch(WatchStatus? watch, string when, string? why) => Assert.Equal((when, why), DataBoard.Next(watch, Now));
}
