using ScottPlot;
using ScottPlot.Plottables;

namespace NanoRecSys.Training.Indexing.Ann;

/// <summary>Recall against latency, a line for each index and engine: further left and higher is better.</summary>
internal static class AnnPlot
{
    public const string FileName = "recall-latency.png";

    private const int Width = 1000;
    private const int Height = 700;

    public static void Save(string folder, AnnReport report)
    {
        using var plot = new Plot();
        plot.Title($"{report.Rows:N0} x {report.Dimension}: recall@100 against latency, one thread");
        plot.XLabel("log10 of milliseconds per query");
        plot.YLabel("recall@100");
        foreach (IGrouping<(string Index, string Engine), AnnMeasurement> line in report.Measurements.GroupBy(m => (m.Index, m.Engine)))
        {
            Scatter scatter = plot.Add.Scatter(
                [.. line.Select(m => Math.Log10(Math.Max(m.Ms, 1e-4)))], (double[])[.. line.Select(m => m.RecallAt100)]);
            scatter.LegendText = $"{line.Key.Index} {line.Key.Engine}";
            scatter.LinePattern = line.Key.Engine == Core.Retrieval.IndexEngines.Managed ? LinePattern.Solid : LinePattern.Dashed;
        }

        plot.ShowLegend(Alignment.LowerRight);
        plot.SavePng(Path.Combine(folder, FileName), Width, Height);
    }
}
