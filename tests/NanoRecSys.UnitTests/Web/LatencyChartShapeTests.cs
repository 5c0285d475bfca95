using NanoRecSys.Web.Components.Telemetry;

namespace NanoRecSys.UnitTests.Web;

public sealed class LatencyChartShapeTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_second_without_requests_ends_the_line()
    {
        LatencyChartShape shape = LatencyChartShape.From([Second(0, 10), Second(1, 10), Second(2, null), Second(3, 10)], "total", 4);

        Assert.Equal(["12.5,", "37.5,"], shape.P50[0].Split(' ').Select(point => point[..(point.IndexOf(',', StringComparison.Ordinal) + 1)]));
        Assert.Equal(2, shape.P50.Count);
        Assert.Equal(["75,", "100,"], shape.P50[1].Split(' ').Select(point => point[..(point.IndexOf(',', StringComparison.Ordinal) + 1)])); // a single second is drawn over its whole width
    }

    [Fact]
    public void A_window_that_is_not_full_yet_is_drawn_from_the_right()
    {
        LatencyChartShape shape = LatencyChartShape.From([Second(0, 10), Second(1, 10)], "total", 10);

        Assert.Equal(10, shape.Columns.Count);
        Assert.Equal([85, 95], shape.Columns.OfType<LatencyColumn>().Select(column => column.Left));
    }

    [Fact]
    public void Only_the_chosen_stage_is_drawn() =>
        Assert.Empty(LatencyChartShape.From([Second(0, 10)], "rank", 60).P50);

    private static TelemetryPoint Second(int second, double? p50) => new(
        Noon.AddSeconds(second), 1, p50 is null ? 0 : 1, 0, null, null, 1,
        p50 is null ? [] : [new StageLatency("total", 1, p50.Value, 2 * p50.Value, 3 * p50.Value)]);
}
