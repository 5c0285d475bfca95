using ScottPlot;
using ScottPlot.Plottables;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>Latency and throughput over the seconds of a run: averages hide what a pause or a filling queue did.</summary>
internal static class LatencyPlot
{
    private const int Width = 900;
    private const int Height = 700;

    public static void Save(string file, string title, Outcomes outcomes)
    {
        var figure = new Multiplot();
        figure.AddPlots(2);
        Plot latency = figure.GetPlot(0);
        latency.Title($"{title}: latency in ms by second");
        foreach (double percentile in (double[])[50, 95, 99])
        {
            Add(latency, $"p{percentile}", outcomes.BySecondMs(percentile));
        }

        latency.Axes.SetLimitsY(0, 1.1 * Math.Max(1, outcomes.BySecondMs(99).Max()));
        latency.ShowLegend(Alignment.UpperRight);
        Plot throughput = figure.GetPlot(1);
        throughput.Title("answers/s");
        throughput.XLabel("second");
        long[] answered = outcomes.AnsweredBySecond();
        Add(throughput, "answers/s", [.. answered.Select(count => (double)count)]);
        throughput.Axes.SetLimitsY(0, 1.1 * Math.Max(1, answered.Max()));
        figure.SavePng(file, Width, Height);
        latency.Dispose();
        throughput.Dispose();
    }

    private static void Add(Plot plot, string name, double[] values)
    {
        Scatter line = plot.Add.Scatter(Enumerable.Range(0, values.Length).Select(second => (double)second).ToArray(), values);
        line.LegendText = name;
    }
}
