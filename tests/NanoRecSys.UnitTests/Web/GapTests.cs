using NanoRecSys.Web.Components.Timing;

namespace NanoRecSys.UnitTests.Web;

public sealed class GapTests
{
    [Fact]
    public void The_longest_time_without_a_stage_is_drawn_as_a_gap() =>
        Assert.Equal(
            [new("cache.get", 0, 3), new("rank", 4, 1), new("other", 5, 39), new("cache.set", 44, 0.5)],
            Gap.Fill([new("cache.get", 0, 3), new("rank", 4, 1), new("cache.set", 44, 0.5)], totalMs: 44.8));

    [Fact]
    public void It_may_be_before_the_first_stage_or_after_the_last()
    {
        Assert.Equal(["other", "rank"], Names([new("rank", 5, 5)], 10));
        Assert.Equal(["rank", "other"], Names([new("rank", 0, 5)], 10));
    }

    [Theory]
    [InlineData(0.9, 0.5)] // less than a millisecond
    [InlineData(9.5, 9.0)] // a twentieth of the request
    public void A_short_gap_is_not_drawn(double total, double stage) =>
        Assert.Equal(["rank"], Names([new("rank", 0, stage)], total));

    [Fact]
    public void Stages_that_overlap_leave_no_gap() =>
        Assert.Equal(["encode", "retrieve", "rank"], Names([new("encode", 0, 8), new("retrieve", 1, 2), new("rank", 8, 2)], 10));

    [Fact]
    public void A_request_without_stages_has_no_gap() => Assert.Empty(Gap.Fill([], 10));

    private static IEnumerable<string> Names(StageTiming[] stages, double totalMs) => Gap.Fill(stages, totalMs).Select(stage => stage.Stage);
}
