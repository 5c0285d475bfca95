using Bunit;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Timing;

namespace NanoRecSys.UnitTests.Web;

public sealed class TimingWaterfallTests : BunitContext
{
    [Fact]
    public void Each_stage_is_a_row_with_its_bar_and_its_length()
    {
        StageTiming[] timings = [new("encode", 0, 5), new("retrieve", 5, 2.5), new("rank", 7.5, 2)];

        var waterfall = Render<TimingWaterfall>(parameters => parameters
            .Add(component => component.Timings, timings)
            .Add(component => component.TotalMs, 10));

        Assert.Equal(["encode", "retrieve", "rank"], waterfall.FindAll(".stage").Select(stage => stage.TextContent));
        Assert.Equal(["5.00 ms", "2.50 ms", "2.00 ms"], waterfall.FindAll(".duration").Select(duration => duration.TextContent));
        Assert.StartsWith("left:50%;width:25%;", waterfall.FindAll(".track i")[1].GetAttribute("style"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_screen_reader_hears_every_stage()
    {
        var waterfall = Render<TimingWaterfall>(parameters => parameters
            .Add(component => component.Timings, [new StageTiming("encode", 0, 12.34)]));

        Assert.Equal("Stages of the request, 12.3 ms in all: encode 12.3 ms", waterfall.Find("[role=img]").GetAttribute("aria-label"));
    }
}
