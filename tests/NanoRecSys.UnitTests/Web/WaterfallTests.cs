using NanoRecSys.Web.Components.Timing;

namespace NanoRecSys.UnitTests.Web;

public sealed class WaterfallTests
{
    [Fact]
    public void Bars_begin_where_their_stages_do_on_the_scale_of_the_request()
    {
        Waterfall waterfall = Waterfall.From([new("cache.get", 0, 1), new("encode", 2, 5), new("rank", 7, 2)], totalMs: 10);

        Assert.Equal(10, waterfall.TotalMs);
        Assert.Equal(
            [new("cache.get", 0, 10, 1), new("encode", 20, 50, 5), new("rank", 70, 20, 2)],
            waterfall.Bars);
    }

    [Fact]
    public void Without_a_total_the_last_stage_ends_the_scale()
    {
        Waterfall waterfall = Waterfall.From([new("cache.get", 0, 1), new("encode", 1, 3)]);

        Assert.Equal(4, waterfall.TotalMs);
        Assert.Equal(new WaterfallBar("encode", 25, 75, 3), waterfall.Bars[1]);
    }

    [Fact]
    public void A_total_shorter_than_its_stages_is_ignored()
    {
        Assert.Equal(8, Waterfall.From([new("encode", 0, 8)], totalMs: 5).TotalMs);
    }

    [Fact]
    public void The_shortest_stage_stays_visible_and_inside()
    {
        WaterfallBar last = Waterfall.From([new("encode", 0, 100), new("cache.set", 99.999, 0.001)], totalMs: 100).Bars[1];

        Assert.Equal(Waterfall.MinWidthPercent, last.WidthPercent);
        Assert.Equal(100, last.LeftPercent + last.WidthPercent, precision: 6);
    }

    [Fact]
    public void Stages_of_no_length_are_drawn_at_the_start()
    {
        WaterfallBar bar = Assert.Single(Waterfall.From([new StageTiming("cache.get", 0, 0)]).Bars);

        Assert.Equal(0, bar.LeftPercent);
    }
}

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
