using ScottPlot;
using ScottPlot.Plottables;

namespace NanoRecSys.Training.Retrieval;

/// <summary>Draws a training for people: loss and NDCG@10 on validation above, speed and memory below.</summary>
public static class TrainingCurve
{
    public const string FileName = "training.png";

    private const int Width = 900;
    private const int Height = 800;

    public static void Save(string folder, IReadOnlyList<CurvePoint> curve)
    {
        CurvePoint[] validated = [.. curve.Where(point => point.Metrics is not null)];
        var figure = new Multiplot();
        figure.AddPlots(2);
        Draw(
            figure.GetPlot(0), "Training of the retriever",
            Line.Of("training loss (nats)", curve, point => point.Loss), Line.Of("NDCG@10 on validation", validated, point => point.Metrics!["ndcg@10"]));
        Draw(
            figure.GetPlot(1), "Its speed and memory",
            Line.Of("sequences/s", curve, point => point.SequencesPerSecond), Line.Of("process memory (MiB)", curve, point => point.MemoryMiB));
        figure.SavePng(Path.Combine(folder, FileName), Width, Height);
        foreach (Plot plot in figure.GetPlots())
        {
            plot.Dispose();
        }
    }

    private static void Draw(Plot plot, string title, Line left, Line right)
    {
        plot.Title(title);
        plot.XLabel("Epoch");
        Add(left, plot.Axes.Left);
        Add(right, plot.Axes.Right);
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
