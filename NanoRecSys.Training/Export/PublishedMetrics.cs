using System.Text.Json;
using NanoRecSys.Core;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Baselines;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export;

/// <summary>What <c>evaluate</c> measured of the models that are published.</summary>
internal static class PublishedMetrics
{
    /// <summary>All figures, by model; those of a model that was trained again since are left out, they are another's.</summary>
    public static IReadOnlyList<EvaluationResult> Read(Workspace workspace)
    {
        if (!Directory.Exists(workspace.MetricsFolder))
        {
            return [];
        }

        var results = new List<EvaluationResult>();
        foreach (string path in Directory.EnumerateFiles(workspace.MetricsFolder, "*.json").Order(StringComparer.Ordinal))
        {
            if (!IsOlderThanItsModel(path, workspace))
            {
                results.AddRange(ExportFiles.ReadJson(path, CoreJson.Default.ListEvaluationResult, "evaluate"));
            }
        }

        return results;
    }

    public static void Write(string path, IReadOnlyList<EvaluationResult> results) =>
        File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes([.. results], CoreJson.Default.ListEvaluationResult));

    private static bool IsOlderThanItsModel(string metrics, Workspace workspace)
    {
        string model = Path.GetFileNameWithoutExtension(metrics);
        string[] folders = model.StartsWith("ranker", StringComparison.Ordinal) ? [workspace.RetrieverFolder, workspace.RankerFolder]
            : model == "retriever" ? [workspace.RetrieverFolder]
            : [BaselineFiles.FolderOf(workspace, model)];
        return folders.Select(folder => Path.Combine(folder, ExportFiles.Weights))
            .Any(weights => File.Exists(weights) && File.GetLastWriteTimeUtc(weights) > File.GetLastWriteTimeUtc(metrics));
    }
}
