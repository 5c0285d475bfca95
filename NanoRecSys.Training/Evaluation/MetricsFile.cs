using System.Text.Json;
using NanoRecSys.Core;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Baselines;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Evaluation;

/// <summary>
/// <c>metrics/MODEL.json</c>: a model's newest figures, one entry per split, exclusion and window; only those of a full
/// ranking, since they are published. Every figure on the test split, of any protocol, is also appended to
/// <c>test-evaluations.jsonl</c>, which nothing rewrites: it shows how often the test was looked at.
/// </summary>
public static class MetricsFile
{
    public const string TestLog = "test-evaluations.jsonl";

    public static IReadOnlyList<EvaluationResult> Read(Workspace workspace, string model)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        string path = PathOf(workspace, model);
        return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), CoreJson.Default.ListEvaluationResult)! : [];
    }

    public static void Save(Workspace workspace, EvaluationResult result, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        ArgumentNullException.ThrowIfNull(result);
        Directory.CreateDirectory(workspace.MetricsFolder);
        if (result.IsComparable)
        {
            Replace(workspace, result);
        }

        if (result.Split == NextItemRanking.NameOf(Data.HeldOut.Test))
        {
            string log = Path.Combine(Path.GetDirectoryName(workspace.MetricsFolder)!, TestLog);
            File.AppendAllText(log, JsonSerializer.Serialize(new TestEvaluation(time, result), TrainingJsonLines.Default.TestEvaluation) + "\n");
        }
    }

    private static void Replace(Workspace workspace, EvaluationResult result)
    {
        List<EvaluationResult> results = [
            .. (IsOfAnotherModel(workspace, result.Model) ? [] : Read(workspace, result.Model)).Where(old => !IsReplaced(old, result)),
            result];
        string path = PathOf(workspace, result.Model), temporary = path + ".tmp";
        File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(results, CoreJson.Default.ListEvaluationResult));
        File.Move(temporary, path, overwrite: true);
    }

    // An older entry may not tell its window.
    private static bool IsReplaced(EvaluationResult old, EvaluationResult result) =>
        (old.Split, old.Exclude) == (result.Split, result.Exclude) && (old.Window ?? result.Window) == result.Window;

    /// <summary>Whether a model was trained again since its figures were measured: they are another's then.</summary>
    public static bool IsOfAnotherModel(Workspace workspace, string model)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        ArgumentNullException.ThrowIfNull(model);
        string[] folders = model.StartsWith("ranker", StringComparison.Ordinal) ? [workspace.RetrieverFolder, workspace.RankerFolder]
            : model == "retriever" ? [workspace.RetrieverFolder]
            : [BaselineFiles.FolderOf(workspace, model)];
        return folders.Select(folder => Path.Combine(folder, ExportFiles.Weights))
            .Any(weights => File.Exists(weights) && File.GetLastWriteTimeUtc(weights) > File.GetLastWriteTimeUtc(PathOf(workspace, model)));
    }

    private static string PathOf(Workspace workspace, string model) => Path.Combine(workspace.MetricsFolder, model + ".json");
}

/// <summary>One line of the log of looks at the test split.</summary>
public sealed record TestEvaluation(DateTimeOffset Time, EvaluationResult Result);
