using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Export.Onnx;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Export;

/// <summary>What export and index left, checked to belong together and to the trained weights and the prepared data.</summary>
internal sealed record ExportedModel(ExportReport Report, IndexInfo Index, OnnxInfo UserTower, OnnxInfo? UserTowerInt8, RankerInfo? Ranker)
{
    /// <exception cref="UserErrorException">A step has not run, its parity does not hold, or two steps disagree.</exception>
    public static ExportedModel Open(Workspace workspace, PreparedData data)
    {
        string folder = workspace.ExportFolder;
        ExportReport report = ExportFiles.ReadJson(Path.Combine(folder, ExportFiles.Parity), ExportJson.Default.ExportReport, "export");
        IndexInfo index = ExportFiles.ReadJson(Path.Combine(folder, ExportFiles.Index), ExportJson.Default.IndexInfo, "index");
        if (report.RetrieverSha256 != TrainedWeights.HashOf(workspace.RetrieverFolder))
        {
            throw new UserErrorException("The retriever's weights are not those that were exported. Run 'export' and 'index' again.");
        }

        if (report.RankerSha256 != (RankerExport.IsOfThisRetriever(workspace) ? TrainedWeights.HashOf(workspace.RankerFolder) : null))
        {
            throw new UserErrorException("The ranker is not the one that was exported. Run 'export' and 'index' again.");
        }

        OnnxInfo tower = DescribeWithParity(folder, ArtifactNames.UserTower, report)
            ?? throw new UserErrorException($"There is no {Path.Combine(folder, ArtifactNames.UserTower)}. Run 'export' again.");
        try
        {
            ModelInfo model = report.Model;
            IVectorIndex vectors = FaissFile.Read(Path.Combine(folder, index.File));
            (float[] items, int width) = NpyFile.Read(Path.Combine(folder, ArtifactNames.ItemEmbeddings));
            RetrieverItems.Require(workspace.RetrieverFolder, model.Items, data.Catalog);
            Require("The user tower's dimension", tower.Outputs[0].Shape[^1], $"{model.Dimension}", "export");
            Require("The item embeddings' rows", items.Length / width, model.Items, "export");
            Require("The item embeddings' dimension", width, model.Dimension, "export");
            Require("The index's rows", vectors.Count, model.Items, "index");
            Require("The index's dimension", vectors.Dimension, model.Dimension, "index");
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException)
        {
            throw new UserErrorException($"{e.Message} Run 'export' and 'index' again.", e);
        }

        return new ExportedModel(report, index, tower, DescribeWithParity(folder, ArtifactNames.UserTowerInt8, report), DescribeRanker(folder, report));
    }

    private static RankerInfo? DescribeRanker(string folder, ExportReport report)
    {
        if (DescribeWithParity(folder, ArtifactNames.Ranker, report) is not OnnxInfo onnx)
        {
            return null;
        }

        RankerModel ranker = ExportFiles.ReadJson(Path.Combine(folder, RankerFiles.ModelName), TrainingJson.Default.RankerModel, "export");

        // A network of data without genres keeps one row for them; a name that no item has keeps it unset.
        IReadOnlyList<string> genres = ranker.Genres.Count > 0 ? ranker.Genres : ["(none)"];
        DescribeWithParity(folder, ArtifactNames.RankerCandidates, report);
        return new RankerInfo(onnx, genres, ranker.RetrieverWeight, report.RankerParts!) { Signals = ranker.Signals };
    }

    /// <summary>Null where the file is not there; a file whose parity is unknown or broken must not be published.</summary>
    private static OnnxInfo? DescribeWithParity(string folder, string file, ExportReport report)
    {
        string path = Path.Combine(folder, file);
        if (!File.Exists(path))
        {
            return null;
        }

        return report.Parity.TryGetValue(file, out ParityInfo? parity) && Parity.Holds(parity)
            ? OnnxDescription.Read(path)
            : throw new UserErrorException($"{file} was not shown to match the trained network ({parity?.MaxAbsDifference.ToString("G3") ?? "no parity report"}). Run 'export' again.");
    }

    private static void Require<T>(string what, T actual, T expected, string remedy)
        where T : notnull
    {
        if (!actual.Equals(expected))
        {
            throw new UserErrorException($"{what}: {actual}, the model expects {expected}. Run '{remedy}' again.");
        }
    }
}
