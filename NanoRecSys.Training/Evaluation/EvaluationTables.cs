using System.Globalization;
using NanoRecSys.Core.Evaluation;
using Spectre.Console;

namespace NanoRecSys.Training.Evaluation;

/// <summary>All that an evaluation found, for people.</summary>
internal static class EvaluationTables
{
    // Each user has one item to find, so Recall@K is HR@K: one line serves both.
    private static readonly (string Label, string Metric)[] Lines = [("HR = Recall", "hr"), ("NDCG", "ndcg"), ("MRR", "mrr")];

    private static readonly string[] OfSlices = ["hr@10", "ndcg@10", "mrr@10", "hr@50"];

    public static IEnumerable<Table> Create(EvaluationReport report)
    {
        if (report.HeldOutItems is { } heldOut)
        {
            yield return HeldOutItems(heldOut);
        }

        if (report.Results.Count == 0)
        {
            yield break;
        }

        yield return Metrics(report.Results);
        if (report.Differences.Count > 0)
        {
            yield return Differences(report.Differences);
        }

        if (report.Results.Any(result => result.Slices is not null))
        {
            yield return Slices(report.Results);
        }
    }

    private static Table Metrics(IReadOnlyList<EvaluationResult> results)
    {
        Table table = WithColumns(["model", "split", "metric"], [.. RankingMetrics.Cutoffs.Select(k => $"@{k}")]);
        foreach (EvaluationResult result in results)
        {
            foreach ((string label, string metric) in Lines)
            {
                table.AddRow([result.Model, result.Split, label, .. RankingMetrics.Cutoffs.Select(k => Format(result, $"{metric}@{k}"))]);
            }
        }

        string intervals = results.Any(result => result.Intervals is not null) ? "; ±: half of the 95% interval over users" : "";
        return results is [var first, ..] ? table.Caption(MetricsTable.Caption(first) + intervals) : table;
    }

    private static Table HeldOutItems(HeldOutItemsReport report)
    {
        string[] metrics = ["hr@10", "hr@50", "hr@100"];
        Table table = WithColumns(["new items placed by"], [.. metrics.Select(metric => metric.ToUpperInvariant()), .. metrics.Select(metric => $"{metric.ToUpperInvariant()} of new")]);
        foreach (HeldOutItemsResult result in report.Results)
        {
            table.AddRow([
                result.Model, .. metrics.Select(metric => MetricsTable.Format(result.AmongAll, metric)),
                .. metrics.Select(metric => MetricsTable.Format(result.AmongNew, metric))]);
        }

        return table.Caption(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Cases:N0} users, {report.NewItems:N0} items that no training has seen among {report.KnownItems:N0} others; cosine of estimated and trained embeddings {report.HeldOutCosine:F3}"));
    }

    private static Table Differences(IReadOnlyList<PairedDifference> differences)
    {
        Table table = WithColumns(["split", "metric", "ahead", "of"], ["by", "95% interval"]).AddColumn("");
        foreach (PairedDifference difference in differences)
        {
            table.AddRow(
                difference.Split, difference.Metric.ToUpperInvariant(), difference.Model, difference.Other, Number(difference.Difference),
                $"{Number(difference.Interval.Low)} to {Number(difference.Interval.High)}", difference.IsSignificant ? "significant" : "within noise");
        }

        return table.Caption("Differences on the same users");
    }

    private static Table Slices(IReadOnlyList<EvaluationResult> results)
    {
        Table table = WithColumns(["model", "split", "slice", "counts"], ["users", .. OfSlices.Select(metric => metric.ToUpperInvariant())]);
        foreach (EvaluationResult result in results)
        {
            foreach (EvaluationSlice slice in result.Slices ?? [])
            {
                table.AddRow([
                    result.Model, result.Split, $"{slice.By}: {slice.Name}",
                    string.Create(CultureInfo.InvariantCulture, $"{slice.From:N0} to {slice.To:N0}"),
                    slice.Users.ToString("N0", CultureInfo.InvariantCulture),
                    .. OfSlices.Select(metric => MetricsTable.Format(slice.Metrics, metric))]);
            }
        }

        return table.Caption("Thirds of all training interactions by the target's count of them; thirds of the users by the items of their history");
    }

    private static Table WithColumns(string[] texts, string[] numbers)
    {
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string text in texts)
        {
            table.AddColumn(new TableColumn(text).NoWrap());
        }

        foreach (string number in numbers)
        {
            table.AddColumn(new TableColumn(number).RightAligned().NoWrap());
        }

        return table;
    }

    private static string Format(EvaluationResult result, string metric) =>
        MetricsTable.Format(result.Metrics, metric)
        + (result.Intervals is { } intervals && intervals.TryGetValue(metric, out ConfidenceInterval interval) ? $" ±{Number((interval.High - interval.Low) / 2)}" : "");

    private static string Number(double value) => value.ToString("F4", CultureInfo.InvariantCulture);
}
