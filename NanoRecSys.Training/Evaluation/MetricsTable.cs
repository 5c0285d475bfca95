using System.Globalization;
using NanoRecSys.Core.Evaluation;
using Spectre.Console;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Figures for people: one line per model.</summary>
internal static class MetricsTable
{
    private static readonly string[] Shown = ["hr@10", "ndcg@10", "mrr@10", "hr@50", "hr@100", "hr@200"];

    public static Table Create(IReadOnlyList<EvaluationResult> results)
    {
        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn(new TableColumn("model").NoWrap()).AddColumn(new TableColumn("split").NoWrap());
        foreach (string metric in Shown)
        {
            table.AddColumn(new TableColumn(metric.ToUpperInvariant()).RightAligned());
        }

        foreach (EvaluationResult result in results)
        {
            table.AddRow([result.Model, result.Split, .. Shown.Select(metric => Format(result.Metrics, metric))]);
        }

        return results is [var first, ..] ? table.Caption(Caption(first)) : table;
    }

    public static string Format(IReadOnlyDictionary<string, double> metrics, string metric) =>
        metrics.TryGetValue(metric, out double value) ? value.ToString("F4", CultureInfo.InvariantCulture) : "-";

    /// <summary>How the figures came about, and a warning where they must not stand beside others.</summary>
    public static string Caption(EvaluationResult result)
    {
        string users = string.Create(CultureInfo.InvariantCulture, $"{result.Users:N0} users");
        string excluded = string.Create(CultureInfo.InvariantCulture, $"excluded: {result.Exclude}{(result.Window is { } window ? $" of {window}" : "")}");
        return result.IsComparable
            ? string.Create(CultureInfo.InvariantCulture, $"{users}, all {result.Items:N0} items ranked, {excluded}")
            : $"NOT COMPARABLE with figures of a full ranking: {result.Protocol}, {users}, {excluded}";
    }
}
