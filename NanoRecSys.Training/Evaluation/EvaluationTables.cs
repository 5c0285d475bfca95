using Spectre.Console;

namespace NanoRecSys.Training.Evaluation;

/// <summary>All that an evaluation found, for people.</summary>
internal static class EvaluationTables
{
    // Each user has one item to find, so Recall@K is HR@K: one line serves both.
    private static readonly (string Label, string Metric)[] Lines = [("HR = Recall", "hr"), ("NDCG", "ndcg"), ("MRR", "mrr")];

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
        if (report.Results.Any(result => result.Lists is not null))
        {
            yield return Lists(report.Results);
        }

        foreach (IGrouping<string, EvaluationResult> split in report.Results.Where(result => result.Slices is not null).GroupBy(result => result.Split))
        {
            yield return Slices(split.Key, BeyondAccuracy.ByHistory, [.. split]);
            yield return Slices(split.Key, BeyondAccuracy.ByPopularity, [.. split]);
        }

        if (report.Differences.Count > 0)
        {
            yield return Differences(report.Differences);
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

    private static Table Lists(IReadOnlyList<EvaluationResult> results)
    {
        Table table = WithColumns(["model", "split"], ["coverage", "novelty", "diversity", "top 1% of items"]);
        foreach (EvaluationResult result in results)
        {
            if (result.Lists is { } lists)
            {
                table.AddRow(
                    result.Model, result.Split, Number(lists.Coverage), lists.Novelty.ToString("F2", CultureInfo.InvariantCulture),
                    lists.Diversity is { } diversity ? Number(diversity) : "-", Number(lists.PopularShare));
            }
        }

        return table.Caption("Lists of ten. Coverage: share of the catalog on any list; novelty in bits; diversity: mean distance of two items by categories; "
            + "share of places taken by the most popular 1%");
    }

    private static Table Slices(string split, string by, IReadOnlyList<EvaluationResult> results)
    {
        MetricSlice[] slices = [.. results[0].Slices!.Where(slice => slice.By == by)];
        Table table = WithColumns([split], [.. slices.Select(slice => slice.Name)]);
        table.AddRow(["users", .. slices.Select(slice => slice.Users.ToString("N0", CultureInfo.InvariantCulture))]);
        foreach (EvaluationResult result in results)
        {
            table.AddRow([result.Model, .. result.Slices!.Where(slice => slice.By == by).Select(slice => $"{Number(slice.Hr10)} / {Number(slice.Ndcg10)}")]);
        }

        return table.Caption($"HR@10 / NDCG@10 by {by}{(by == BeyondAccuracy.ByHistory ? ", in items before the target" : " of the target, by rank among all items")}");
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

    /// <summary>The protocol, and a warning if the figures are not comparable.</summary>
    public static string Caption(EvaluationResult result)
    {
        string repeats = result.Repeats is { } left ? string.Create(CultureInfo.InvariantCulture, $" ({left:N0} more, whose target is a repeat, are left out)") : "";
        string users = string.Create(CultureInfo.InvariantCulture, $"{result.Users:N0} users{repeats}");
        string excluded = string.Create(CultureInfo.InvariantCulture, $"excluded: {result.Exclude}{(result.Window is { } window ? $" of {window}" : "")}");
        return result.IsComparable
            ? string.Create(CultureInfo.InvariantCulture, $"{users}, all {result.Items:N0} items ranked, {excluded}")
            : $"NOT COMPARABLE with figures of a full ranking: {result.Protocol}, {users}, {excluded}";
    }
}

/// <summary>
/// Figures for programs, on one line: <c>{"model":"retriever","split":"test","users":671,...,"hr@10":0.1}</c>;
/// an array of such objects where several models or splits were asked for. <c>comparable</c> is false where the
/// protocol is not the full ranking.
/// </summary>
internal static class EvaluationJson
{
    private const int Digits = 6;

    public static string Line(EvaluationReport report)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            if (report is { Results: [], HeldOutItems: { } heldOut })
            {
                Write(json, heldOut);
            }
            else if (report.Results is [var only])
            {
                Write(json, only, report.Differences);
            }
            else
            {
                json.WriteStartArray();
                foreach (EvaluationResult result in report.Results)
                {
                    Write(json, result, report.Differences);
                }

                json.WriteEndArray();
            }
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void Write(Utf8JsonWriter json, EvaluationResult result, IReadOnlyList<PairedDifference> differences)
    {
        json.WriteStartObject();
        json.WriteString("model", result.Model);
        json.WriteString("split", result.Split);
        json.WriteNumber("users", result.Users);
        if (result.Repeats is { } repeats)
        {
            json.WriteNumber("repeats", repeats);
        }

        json.WriteNumber("items", result.Items);
        json.WriteString("exclude", result.Exclude);
        if (result.Window is { } window)
        {
            json.WriteNumber("window", window);
        }

        json.WriteString("protocol", result.Protocol);
        json.WriteBoolean("comparable", result.IsComparable);
        WriteMetrics(json, result.Metrics);
        WriteIntervals(json, result.Intervals);
        if (result.Lists is { } lists)
        {
            json.WriteStartObject("lists");
            json.WriteNumber("coverage", Math.Round(lists.Coverage, Digits));
            json.WriteNumber("novelty", Math.Round(lists.Novelty, Digits));
            if (lists.Diversity is { } diversity)
            {
                json.WriteNumber("diversity", Math.Round(diversity, Digits));
            }

            json.WriteNumber("popular_share", Math.Round(lists.PopularShare, Digits));
            json.WriteEndObject();
        }

        WriteArray(json, "slices", [.. result.Slices ?? []], slice =>
        {
            json.WriteString("by", slice.By);
            json.WriteString("name", slice.Name);
            json.WriteNumber("users", slice.Users);
            json.WriteNumber("hr@10", Math.Round(slice.Hr10, Digits));
            json.WriteNumber("ndcg@10", Math.Round(slice.Ndcg10, Digits));
        });
        WriteArray(json, "versus", [.. DifferencesOf(result, differences)], difference => Write(json, difference));
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, HeldOutItemsReport report)
    {
        json.WriteStartObject();
        json.WriteNumber("users", report.Cases);
        json.WriteNumber("items", report.KnownItems);
        json.WriteNumber("new_items", report.NewItems);
        foreach (HeldOutItemsResult result in report.Results)
        {
            json.WriteStartObject(result.Model.Replace(' ', '_'));
            WriteMetrics(json, result.AmongAll);
            json.WriteStartObject("among_new");
            WriteMetrics(json, result.AmongNew);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static IEnumerable<PairedDifference> DifferencesOf(EvaluationResult result, IReadOnlyList<PairedDifference> differences) =>
        differences.Where(difference => difference.Split == result.Split && (difference.Model == result.Model || difference.Other == result.Model))
            .Select(difference => difference.Model == result.Model ? difference : difference.Reversed);

    private static void WriteMetrics(Utf8JsonWriter json, IReadOnlyDictionary<string, double> metrics)
    {
        foreach ((string name, double value) in metrics)
        {
            json.WriteNumber(name, Math.Round(value, Digits));
        }
    }

    private static void WriteIntervals(Utf8JsonWriter json, IReadOnlyDictionary<string, ConfidenceInterval>? intervals)
    {
        if (intervals is null)
        {
            return;
        }

        json.WriteStartObject("intervals");
        foreach ((string name, ConfidenceInterval interval) in intervals)
        {
            json.WritePropertyName(name);
            Write(json, interval);
        }

        json.WriteEndObject();
    }

    /// <summary>An array of objects, left out where it would be empty.</summary>
    private static void WriteArray<T>(Utf8JsonWriter json, string name, IReadOnlyCollection<T> values, Action<T> write)
    {
        if (values.Count == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (T value in values)
        {
            json.WriteStartObject();
            write(value);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, PairedDifference difference)
    {
        json.WriteString("model", difference.Other);
        json.WriteString("metric", difference.Metric);
        json.WriteNumber("difference", Math.Round(difference.Difference, Digits));
        json.WritePropertyName("interval");
        Write(json, difference.Interval);
        json.WriteBoolean("significant", difference.IsSignificant);
    }

    private static void Write(Utf8JsonWriter json, ConfidenceInterval interval)
    {
        json.WriteStartArray();
        json.WriteNumberValue(Math.Round(interval.Low, Digits));
        json.WriteNumberValue(Math.Round(interval.High, Digits));
        json.WriteEndArray();
    }
}
