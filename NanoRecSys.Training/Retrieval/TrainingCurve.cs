using ScottPlot;

namespace NanoRecSys.Training.Retrieval;

/// <summary>Draws a training for people: loss on the left, NDCG@10 on validation on the right.</summary>
public static class TrainingCurve
{
    public const string FileName = "training.png";

    public static void Save(string folder, IReadOnlyList<CurvePoint> curve)
    {
        using var plot = new Plot();
        plot.Title("Training of the retriever");
        plot.XLabel("Epoch");
        var loss = plot.Add.Scatter(curve.Select(point => (double)point.Epoch).ToArray(), curve.Select(point => point.Loss).ToArray());
        loss.LegendText = "training loss (nats)";
        loss.Axes.YAxis = plot.Axes.Left;
        CurvePoint[] validated = [.. curve.Where(point => point.Metrics is not null)];
        var ndcg = plot.Add.Scatter(
            validated.Select(point => (double)point.Epoch).ToArray(), validated.Select(point => point.Metrics!["ndcg@10"]).ToArray());
        ndcg.LegendText = "NDCG@10 on validation";
        ndcg.Axes.YAxis = plot.Axes.Right;
        plot.ShowLegend(Alignment.MiddleRight);
        plot.SavePng(Path.Combine(folder, FileName), 900, 500);
    }
}
