using ScottPlot;
using ScottPlot.Plottables;
using TorchSharp.Modules;
using static TorchSharp.torch.utils.tensorboard;

namespace NanoRecSys.Training.Pipeline;

/// <param name="Unit">Unit of the training data, for the speed per second.</param>
internal sealed record TrainingLabels(string Title, string Unit, IReadOnlyList<string> Metrics)
{
    public static readonly TrainingLabels Retriever = new("Training of the retriever", "sequences", ["ndcg@10"]);
}

/// <summary>The metrics of a training, in the model's folder: <c>tensorboard/</c> (event files), <c>metrics.json</c> and <c>training.png</c>, updated
/// after every epoch.</summary>
internal sealed class TrainingLog
{
    public const string EventsName = "tensorboard";
    public const string MetricsName = "metrics.json";

    private readonly string _folder;
    private readonly SummaryWriter _events;

    public TrainingLog(string folder, bool isResumed, TrainingLabels labels)
    {
        (_folder, Labels) = (folder, labels);
        string events = Path.Combine(folder, EventsName);
        if (!isResumed)
        {
            AtomicFolder.DeleteIfExists(events); // an earlier training's curve would overlap
        }

        _events = SummaryWriter(events);
    }

    public TrainingLabels Labels { get; }

    /// <summary>Removes the metrics of an earlier training.</summary>
    public static void Delete(string folder)
    {
        AtomicFolder.DeleteIfExists(Path.Combine(folder, EventsName));
        File.Delete(Path.Combine(folder, MetricsName));
        File.Delete(Path.Combine(folder, TrainingCurve.FileName));
    }

    public void Add(IReadOnlyList<CurvePoint> curve)
    {
        CurvePoint point = curve[^1];
        Scalar("train/loss", point.Loss!.Value);
        Scalar("train/learning_rate", point.LearningRate);
        Scalar($"train/{Labels.Unit}_per_second", point.SequencesPerSecond);
        Scalar("train/memory_mib", point.MemoryMiB);
        foreach ((string name, double value) in point.Metrics ?? new Dictionary<string, double>())
        {
            Scalar($"validation/{name}", value);
        }

        if (point.Metrics is not null)
        {
            TrainingCurve.Save(_folder, Labels, curve);
        }

        void Scalar(string name, double value) => _events.add_scalar(name, (float)value, point.Epoch);
    }
}

/// <summary>Plots a training: loss and validation metrics on top, speed and memory below.</summary>
internal static class TrainingCurve
{
    public const string FileName = "training.png";

    private const int Width = 900;
    private const int Height = 800;

    public static void Save(string folder, TrainingLabels labels, IReadOnlyList<CurvePoint> curve)
    {
        CurvePoint[] validated = [.. curve.Where(point => point.Metrics is not null)];
        var figure = new Multiplot();
        figure.AddPlots(2);
        Draw(
            figure.GetPlot(0), labels.Title, Line.Of("training loss (left)", curve, point => point.Loss!.Value),
            [.. labels.Metrics.Select(metric => Line.Of($"{metric} on validation (right)", validated, point => point.Metrics![metric]))]);
        Draw(
            figure.GetPlot(1), "Speed and memory", Line.Of($"{labels.Unit}/s (left)", curve, point => point.SequencesPerSecond),
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
