using System.Text.Json;
using NanoRecSys.Core;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Evaluation;
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
            if (!MetricsFile.IsOfAnotherModel(workspace, Path.GetFileNameWithoutExtension(path)))
            {
                results.AddRange(ExportFiles.ReadJson(path, CoreJson.Default.ListEvaluationResult, "evaluate"));
            }
        }

        return results;
    }

    public static void Write(string path, IReadOnlyList<EvaluationResult> results) =>
        File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes([.. results], CoreJson.Default.ListEvaluationResult));
}
