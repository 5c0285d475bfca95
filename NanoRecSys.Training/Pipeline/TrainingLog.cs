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
        Plot quality = Titled(figure.GetPlot(0), labels.Title);
        Add(quality, quality.Axes.Left, "training loss (left)", curve, point => point.Loss!.Value);
        foreach (string metric in labels.Metrics)
        {
            Add(quality, quality.Axes.Right, $"{metric} on validation (right)", validated, point => point.Metrics![metric]);
        }

        Plot cost = Titled(figure.GetPlot(1), "Speed and memory");
        Add(cost, cost.Axes.Left, $"{labels.Unit}/s (left)", curve, point => point.SequencesPerSecond);
        Add(cost, cost.Axes.Right, "process memory in MiB (right)", curve, point => point.MemoryMiB);
        figure.SavePng(Path.Combine(folder, FileName), Width, Height);
        foreach (Plot plot in figure.GetPlots())
        {
            plot.Dispose();
        }
    }

    private static Plot Titled(Plot plot, string title)
    {
        plot.Title(title);
        plot.XLabel("Epoch");
        plot.ShowLegend(Alignment.MiddleRight);
        return plot;
    }

    private static void Add(Plot plot, IYAxis axis, string name, IReadOnlyList<CurvePoint> points, Func<CurvePoint, double> value)
    {
        double[] epochs = [.. points.Select(point => (double)point.Epoch)];
        double[] values = [.. points.Select(value)];
        Scatter scatter = plot.Add.Scatter(epochs, values);
        scatter.LegendText = name;
        scatter.Axes.YAxis = axis;
    }
}
