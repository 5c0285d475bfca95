using ScottPlot;
using ScottPlot.Plottables;

namespace NanoRecSys.Training.Retrieval;

/// <summary>Draws a training for people: loss and figures on validation above, speed and memory below.</summary>
public static class TrainingCurve
{
    public const string FileName = "training.png";

    private const int Width = 900;
    private const int Height = 800;

    public static void Save(string folder, TrainingLabels labels, IReadOnlyList<CurvePoint> curve)
    {
        ArgumentNullException.ThrowIfNull(labels);
        CurvePoint[] validated = [.. curve.Where(point => point.Metrics is not null)];
        var figure = new Multiplot();
        figure.AddPlots(2);
        Draw(
            figure.GetPlot(0), labels.Title, Line.Of("training loss (left)", curve, point => point.Loss),
            [.. labels.Metrics.Select(metric => Line.Of($"{metric} on validation (right)", validated, point => point.Metrics![metric]))]);
        Draw(
            figure.GetPlot(1), "Its speed and memory", Line.Of($"{labels.Unit}/s (left)", curve, point => point.SequencesPerSecond),
            [Line.Of("process memory in MiB (right)", curve, point => point.MemoryMiB)]);
        figure.SavePng(Path.Combine(folder, FileName), Width, Height);
        foreach (Plot plot in figure.GetPlots())
        {
            plot.Dispose();
        }
    }

    private static void Draw(Plot plot, string title, Line left, IReadOnlyList<Line> right)
    {
        plot.Title(title);
        plot.XLabel("Epoch");
        Add(left, plot.Axes.Left);
        foreach (Line line in right)
        {
            Add(line, plot.Axes.Right);
        }

        plot.ShowLegend(Alignment.MiddleRight);

        void Add(Line line, IYAxis axis)
        {
            Scatter scatter = plot.Add.Scatter(line.Epochs, line.Values);
            scatter.LegendText = line.Name;
            scatter.Axes.YAxis = axis;
        }
    }

    private sealed record Line(string Name, double[] Epochs, double[] Values)
    {
        public static Line Of(string name, IReadOnlyList<CurvePoint> points, Func<CurvePoint, double> value) =>
            new(name, [.. points.Select(point => (double)point.Epoch)], [.. points.Select(value)]);
    }
}
