using System.Text.Json.Nodes;
using Spectre.Console;

namespace NanoRecSys.Training.Evaluation;

/// <summary>An evaluation's results as tables for people.</summary>
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
        Table table = RunConsole.CreateTable(["model", "split", "metric"], [.. RankingMetrics.Cutoffs.Select(k => $"@{k}")]);
        foreach (EvaluationResult result in results)
        {
            foreach ((string label, string metric) in Lines)
            {
                table.AddRow([result.Model, result.Split, label, .. RankingMetrics.Cutoffs.Select(k => Format(result, $"{metric}@{k}"))]);
            }
        }

        string intervals = results.Any(result => result.Intervals is not null) ? "; ±: half of the 95% interval over users" : "";
        return table.Caption(MetricsTable.Caption(results[0]) + intervals);
    }

    private static Table Lists(IReadOnlyList<EvaluationResult> results)
    {
        Table table = RunConsole.CreateTable(["model", "split"], ["coverage", "novelty", "diversity", "top 1% of items"]);
        foreach (EvaluationResult result in results)
        {
            if (result.Lists is { } lists)
            {
                table.AddRow(
                    result.Model, result.Split, Number(lists.Coverage), lists.Novelty.ToString("F2"),
                    lists.Diversity is { } diversity ? Number(diversity) : "-", Number(lists.PopularShare));
            }
        }

        return table.Caption("Lists of ten. Coverage: share of the catalog on any list; novelty in bits; diversity: mean distance of two items by categories; "
            + "share of places taken by the most popular 1%");
    }

    private static Table Slices(string split, string by, IReadOnlyList<EvaluationResult> results)
    {
        MetricSlice[] slices = [.. results[0].Slices!.Where(slice => slice.By == by)];
        Table table = RunConsole.CreateTable([split], [.. slices.Select(slice => slice.Name)]);
        table.AddRow(["users", .. slices.Select(slice => slice.Users.ToString("N0"))]);
        foreach (EvaluationResult result in results)
        {
            table.AddRow([result.Model, .. result.Slices!.Where(slice => slice.By == by).Select(slice => $"{Number(slice.Hr10)} / {Number(slice.Ndcg10)}")]);
        }

        return table.Caption($"HR@10 / NDCG@10 by {by}{(by == BeyondAccuracy.ByHistory ? ", in items before the target" : " of the target, by rank among all items")}");
    }

    private static Table HeldOutItems(HeldOutItemsReport report)
    {
        string[] metrics = ["hr@10", "hr@50", "hr@100"];
        Table table = RunConsole.CreateTable(["new items placed by"], [.. metrics.Select(metric => metric.ToUpperInvariant()), .. metrics.Select(metric => $"{metric.ToUpperInvariant()} of new")]);
        foreach (HeldOutItemsResult result in report.Results)
        {
            table.AddRow([
                result.Model, .. metrics.Select(metric => MetricsTable.Format(result.AmongAll, metric)),
                .. metrics.Select(metric => MetricsTable.Format(result.AmongNew, metric))]);
        }

        return table.Caption(
            $"{report.Cases:N0} users, {report.NewItems:N0} items unseen in training among {report.KnownItems:N0} others; cosine of estimated and trained embeddings {report.HeldOutCosine:F3}");
    }

    private static Table Differences(IReadOnlyList<PairedDifference> differences)
    {
        Table table = RunConsole.CreateTable(["split", "metric", "ahead", "of"], ["by", "95% interval"]).AddColumn("");
        foreach (PairedDifference difference in differences)
        {
            table.AddRow(
                difference.Split, difference.Metric.ToUpperInvariant(), difference.Model, difference.Other, Number(difference.Difference),
                $"{Number(difference.Interval.Low)} to {Number(difference.Interval.High)}", difference.IsSignificant ? "significant" : "within noise");
        }

        return table.Caption("Differences on the same users");
    }

    private static string Format(EvaluationResult result, string metric) =>
        MetricsTable.Format(result.Metrics, metric)
        + (result.Intervals is { } intervals && intervals.TryGetValue(metric, out ConfidenceInterval interval) ? $" ±{Number((interval.High - interval.Low) / 2)}" : "");

    private static string Number(double value) => value.ToString("F4");
}

internal static class MetricsTable
{
    private static readonly string[] Shown = ["hr@10", "ndcg@10", "mrr@10", "hr@50", "hr@100", "hr@200"];

    public static Table Create(IReadOnlyList<EvaluationResult> results)
    {
        Table table = RunConsole.CreateTable(["model", "split"], Shown.Select(metric => metric.ToUpperInvariant()));
        foreach (EvaluationResult result in results)
        {
            table.AddRow([result.Model, result.Split, .. Shown.Select(metric => Format(result.Metrics, metric))]);
        }

        return results is [var first, ..] ? table.Caption(Caption(first)) : table;
    }

    public static string Format(IReadOnlyDictionary<string, double> metrics, string metric) =>
        metrics.TryGetValue(metric, out double value) ? value.ToString("F4") : "-";

    /// <summary>The protocol, and a warning if the figures are not comparable.</summary>
    public static string Caption(EvaluationResult result)
    {
        string repeats = result.Repeats is { } left ? $" ({left:N0} more, whose target is a repeat, are left out)" : "";
        string users = $"{result.Users:N0} users{repeats}";
        string excluded = $"excluded: {result.Exclude}{(result.Window is { } window ? $" of {window}" : "")}";
        return result.IsComparable
            ? $"{users}, all {result.Items:N0} items ranked, {excluded}"
            : $"NOT COMPARABLE with figures of a full ranking: {result.Protocol}, {users}, {excluded}";
    }
}

/// <summary>Metrics for programs, on one line: <c>{"model":"retriever","split":"test","users":671,...,"hr@10":0.1}</c>; an array of such objects if
/// several models or splits were evaluated. <c>comparable</c> is false if the protocol is not the full ranking.</summary>
internal static class EvaluationJson
{
    public static string Line(EvaluationReport report)
    {
        JsonNode line = report switch
        {
            { Results: [], HeldOutItems: { } heldOut } => Of(heldOut),
            { Results: [var only] } => Of(only, report.Differences),
            _ => new JsonArray([.. report.Results.Select(result => Of(result, report.Differences))]),
        };
        return line.ToJsonString();
    }

    private static JsonObject Of(EvaluationResult result, IReadOnlyList<PairedDifference> differences) => Object(
    [
        new("model", result.Model), new("split", result.Split), new("users", result.Users), new("repeats", result.Repeats), new("items", result.Items),
        new("exclude", result.Exclude), new("window", result.Window), new("protocol", result.Protocol), new("comparable", result.IsComparable),
        .. Fields(result.Metrics),
        new("intervals", result.Intervals is { } intervals ? Object(intervals.Select(pair => new KeyValuePair<string, JsonNode?>(pair.Key, Of(pair.Value)))) : null),
        new("lists", result.Lists is { } lists
            ? Object([
                new("coverage", Rounded(lists.Coverage)), new("novelty", Rounded(lists.Novelty)), new("diversity", Rounded(lists.Diversity)),
                new("popular_share", Rounded(lists.PopularShare))])
            : null),
        new("slices", Array(result.Slices ?? [], slice => Object(
            [new("by", slice.By), new("name", slice.Name), new("users", slice.Users), new("hr@10", Rounded(slice.Hr10)), new("ndcg@10", Rounded(slice.Ndcg10))]))),
        new("versus", Array(DifferencesOf(result, differences), difference => Object(
            [new("model", difference.Other), new("metric", difference.Metric), new("difference", Rounded(difference.Difference)),
                new("interval", Of(difference.Interval)), new("significant", difference.IsSignificant)]))),
    ]);

    private static JsonObject Of(HeldOutItemsReport report) => Object(
    [
        new("users", report.Cases), new("items", report.KnownItems), new("new_items", report.NewItems),
        .. report.Results.Select(result => new KeyValuePair<string, JsonNode?>(
            result.Model.Replace(' ', '_'), Object([.. Fields(result.AmongAll), new("among_new", Object(Fields(result.AmongNew)))]))),
    ]);

    private static JsonArray Of(ConfidenceInterval interval) => new(Rounded(interval.Low), Rounded(interval.High));

    private static IEnumerable<PairedDifference> DifferencesOf(EvaluationResult result, IReadOnlyList<PairedDifference> differences) =>
        differences.Where(difference => difference.Split == result.Split && (difference.Model == result.Model || difference.Other == result.Model))
            .Select(difference => difference.Model == result.Model ? difference : difference.Reversed);

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Fields(IReadOnlyDictionary<string, double> metrics) =>
        metrics.Select(metric => new KeyValuePair<string, JsonNode?>(metric.Key, Rounded(metric.Value)));

    private static JsonNode? Rounded(double? value) => value is { } number ? Math.Round(number, 6) : null;

    /// <summary>Fields without a value are left out.</summary>
    private static JsonObject Object(IEnumerable<KeyValuePair<string, JsonNode?>> fields) => new(fields.Where(field => field.Value is not null));

    private static JsonArray? Array<T>(IEnumerable<T> values, Func<T, JsonNode> convert) =>
        values.Select(convert).ToArray() is { Length: > 0 } nodes ? new JsonArray(nodes) : null;
}

/// <summary><c>metrics/MODEL.json</c>: a model's latest metrics, one entry per split, exclusion and window; only those of a full ranking, since they
/// are published. Every evaluation on test, with any protocol, is also appended to <c>test-evaluations.jsonl</c>, which is never rewritten: it
/// shows how often the test split was used.</summary>
internal static class MetricsFile
{
    public const string TestLog = "test-evaluations.jsonl";

    /// <summary>Empty if nothing was measured, or if an earlier version measured it.</summary>
    public static SavedMetrics Read(Workspace workspace, string model)
    {
        try
        {
            return TrainingJson.Read<SavedMetrics>(PathOf(workspace, model)) ?? SavedMetrics.None;
        }
        catch (JsonException)
        {
            return SavedMetrics.None;
        }
    }

    public static void Save(Workspace workspace, PreparedData data, EvaluationResult result, DateTimeOffset time)
    {
        Directory.CreateDirectory(workspace.MetricsFolder);
        if (result.IsComparable)
        {
            Replace(workspace, data, result);
        }

        if (result.Split == NextItemRanking.NameOf(HeldOut.Test))
        {
            string log = Path.Combine(Path.GetDirectoryName(workspace.MetricsFolder)!, TestLog);
            File.AppendAllText(log, JsonSerializer.Serialize(new TestEvaluation(time, result), TrainingJson.Default.TestEvaluation) + "\n");
        }
    }

    /// <returns>How the data or the model's weights differ from the measured ones; null if they are the same.</returns>
    public static string? Difference(SavedMetrics saved, Workspace workspace, PreparedData data, string model) =>
        Provenance.Difference(saved.MadeOf, [.. InputsOf(workspace, data, model)]);

    private static void Replace(Workspace workspace, PreparedData data, EvaluationResult result)
    {
        SavedMetrics saved = Read(workspace, result.Model);
        IReadOnlyList<EvaluationResult> others = Difference(saved, workspace, data, result.Model) is null ? saved.Results : [];
        var updated = new SavedMetrics(
            Provenance.Record(InputsOf(workspace, data, result.Model)),
            [.. others.Where(old => !IsReplaced(old, result)), result]);
        TrainingJson.Write(PathOf(workspace, result.Model), updated);
    }

    // An older entry may lack its window.
    private static bool IsReplaced(EvaluationResult old, EvaluationResult result) =>
        (old.Split, old.Exclude) == (result.Split, result.Exclude) && (old.Window ?? result.Window) == result.Window;

    private static IEnumerable<(string Name, string? Hash)> InputsOf(Workspace workspace, PreparedData data, string model)
    {
        yield return (Provenance.Data, data.Hash);
        if (model.StartsWith("ranker", StringComparison.Ordinal))
        {
            yield return (Provenance.Ranker, ModelFolder.HashOf(workspace.RankerFolder));
        }

        if (model == RaceStep.BlendName)
        {
            string race = Path.Combine(workspace.RaceFolder, RaceOutcome.FileName); // it contains the hashes of its lists
            yield return ("race", File.Exists(race) ? FileHash.Of(race) : null);
        }

        if (model == RaceStep.BlendName || model.StartsWith("ranker", StringComparison.Ordinal) || model.StartsWith("retriever", StringComparison.Ordinal))
        {
            yield return (Provenance.Retriever, ModelFolder.HashOf(workspace.RetrieverFolder));
        }
        else
        {
            yield return ("model", ModelFolder.HashOf(workspace.BaselineFolder(model)));
        }
    }

    private static string PathOf(Workspace workspace, string model) => Path.Combine(workspace.MetricsFolder, model + ".json");
}

internal sealed record SavedMetrics(IReadOnlyDictionary<string, string> MadeOf, IReadOnlyList<EvaluationResult> Results)
{
    public static readonly SavedMetrics None = new(new Dictionary<string, string>(), []);
}

internal sealed record TestEvaluation(DateTimeOffset Time, EvaluationResult Result);
