namespace NanoRecSys.Training.Evaluation;

/// <summary>Ranking metrics averaged over users, each with one item to find.</summary>
/// <remarks>With one relevant item, Recall@K is HR@K and the ideal DCG is 1. Both names are kept: tables use either.</remarks>
internal static class RankingMetrics
{
    public static readonly IReadOnlyList<int> Cutoffs = [10, 20, 50, 100, 200];

    public static double Hit(int rank, int k) => rank <= k ? 1 : 0;

    public static double Gain(int rank, int k) => rank <= k ? 1 / Math.Log2(rank + 1) : 0;

    /// <param name="ranks">[users] 1 is the best.</param>
    /// <returns><c>hr@10</c>, <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@10</c>, ... each in 0..1.</returns>
    public static IReadOnlyDictionary<string, double> Of(IReadOnlyList<int> ranks, int? depth = null)
    {
        var metrics = new Dictionary<string, double>();
        foreach (int k in Cutoffs.Where(k => k <= (depth ?? int.MaxValue)))
        {
            double hits = 0, gain = 0, reciprocal = 0;
            foreach (int rank in ranks.Where(rank => rank <= k))
            {
                hits += Hit(rank, k);
                gain += Gain(rank, k);
                reciprocal += 1.0 / rank;
            }

            double users = Math.Max(1, ranks.Count);
            metrics[$"hr@{k}"] = hits / users;
            metrics[$"ndcg@{k}"] = gain / users;
            metrics[$"mrr@{k}"] = reciprocal / users;
            metrics[$"recall@{k}"] = hits / users;
        }

        return metrics;
    }
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
            InputsOf(workspace, data, result.Model).Where(input => input.Hash is not null).ToDictionary(input => input.Name, input => input.Hash!),
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
            yield return ("model", ModelFolder.HashOf(Path.Combine(workspace.BaselinesFolder, model)));
        }
    }

    private static string PathOf(Workspace workspace, string model) => Path.Combine(workspace.MetricsFolder, model + ".json");
}

internal sealed record SavedMetrics(IReadOnlyDictionary<string, string> MadeOf, IReadOnlyList<EvaluationResult> Results)
{
    public static readonly SavedMetrics None = new(new Dictionary<string, string>(), []);
}

internal sealed record TestEvaluation(DateTimeOffset Time, EvaluationResult Result);
