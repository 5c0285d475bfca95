using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.Web.Components.Telemetry;

/// <summary>One stage's percentiles over a window, as SVG shapes in a field of 100 by 100.</summary>
/// <param name="Scale">The vertical axis.</param>
/// <param name="P50">Polylines; each gap in the traffic ends one.</param>
/// <param name="P95">Likewise.</param>
/// <param name="P99">Likewise.</param>
/// <param name="Band">Polygons between the 50th and the 95th percentile.</param>
/// <param name="Columns">A step of the window each, oldest first; null before the service started.</param>
public sealed record LatencyChartShape(
    LatencyScale Scale, IReadOnlyList<string> P50, IReadOnlyList<string> P95, IReadOnlyList<string> P99, IReadOnlyList<string> Band,
    IReadOnlyList<LatencyColumn?> Columns)
{
    /// <param name="series">The window's steps, oldest first.</param>
    /// <param name="stage">Whose latency.</param>
    /// <param name="windowSeconds">The window's length, which the series may not fill yet.</param>
    public static LatencyChartShape From(IReadOnlyList<TelemetryPoint> series, string stage, double windowSeconds)
    {
        double step = series.Count > 0 ? series.Max(point => point.Seconds) : windowSeconds;
        // The running step is incomplete: use the length of the one beside it.
        if (series.Count > 1)
        {
            step = (series[1].Time - series[0].Time).TotalSeconds;
        }

        int columns = Math.Max(series.Count, (int)Math.Round(windowSeconds / step));
        LatencyColumn[] known = [.. series.Select((point, i) => new LatencyColumn(
            point, point.Stages.FirstOrDefault(latency => latency.Stage == stage), 100 * (columns - series.Count + i + 0.5) / columns))];
        var scale = LatencyScale.Of(known.Where(column => column.Latency is not null).SelectMany(column => new[] { column.Latency!.P50Ms, column.Latency.P99Ms }));
        LatencyColumn[][] runs = [.. Runs(known)];
        return new LatencyChartShape(
            scale, Lines(runs, scale, latency => latency.P50Ms), Lines(runs, scale, latency => latency.P95Ms), Lines(runs, scale, latency => latency.P99Ms),
            [.. runs.Select(run => $"{Line(run, scale, latency => latency.P95Ms)} {Line([.. run.Reverse()], scale, latency => latency.P50Ms)}")],
            [.. Enumerable.Repeat<LatencyColumn?>(null, columns - known.Length), .. known]);
    }

    // Adjacent steps with traffic.
    private static IEnumerable<LatencyColumn[]> Runs(LatencyColumn[] columns)
    {
        List<LatencyColumn> run = [];
        foreach (LatencyColumn column in columns)
        {
            if (column.Latency is not null)
            {
                run.Add(column);
            }
            else if (run.Count > 0)
            {
                yield return [.. run];
                run.Clear();
            }
        }

        if (run.Count > 0)
        {
            yield return [.. run];
        }
    }

    private static string[] Lines(LatencyColumn[][] runs, LatencyScale scale, Func<StageLatency, double> percentile) =>
        [.. runs.Select(run => Line(run, scale, percentile))];

    // A step alone is drawn twice: a line of no length with round ends is a dot.
    private static string Line(LatencyColumn[] run, LatencyScale scale, Func<StageLatency, double> percentile) =>
        string.Join(' ', (run.Length == 1 ? [run[0], run[0]] : run)
            .Select(column => $"{Text.Css(Math.Round(column.Left, 2))},{Text.Css(Math.Round(scale.Top(percentile(column.Latency!)), 2))}"));
}

/// <param name="Point">The step.</param>
/// <param name="Latency">Of the chosen stage; null if it did not run.</param>
/// <param name="Left">Its center, in percent from the left.</param>
public sealed record LatencyColumn(TelemetryPoint Point, StageLatency? Latency, double Left);
