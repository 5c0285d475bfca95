using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Telemetry;

namespace NanoRecSys.UnitTests.Web;

public sealed class ScatterTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Time_runs_to_the_right_and_a_tenfold_length_is_one_line_up()
    {
        Scatter scatter = Scatter.From([Request(0, 100), Request(5, 10), Request(20, 1)]);

        Assert.Equal([0, 25, 100], scatter.Dots.Select(dot => dot.Left));
        Assert.Equal([0, 50, 100], scatter.Dots.Select(dot => dot.Top));
        Assert.Equal([1, 10, 100], scatter.Lines.Select(line => Math.Round(line.Ms)));
    }

    [Fact]
    public void One_request_has_a_place()
    {
        ScatterDot dot = Assert.Single(Scatter.From([Request(0, 3)]).Dots);

        Assert.Equal(0, dot.Left);
        Assert.InRange(dot.Top, 0, 100);
    }

    private static RequestTrace Request(int second, double ms) => new($"r{second}", Noon.AddSeconds(second), "live", false, ms, []);
}
