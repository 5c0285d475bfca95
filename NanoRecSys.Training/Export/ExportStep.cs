using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Export;

/// <summary>Trained networks in, ONNX graphs and item embeddings out, compared with what was trained.</summary>
public static class ExportStep
{
    /// <exception cref="UserErrorException">Nothing was trained, it does not fit the data, or a graph differs from its network.</exception>
    public static async Task<ExportReport> RunAsync(ExportOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Workspace workspace = context.Workspace;
        TrainedWeights weights = TrainedWeights.Read(workspace.RetrieverFolder, "train-retriever");
        using UserTower tower = RetrieverFiles.Read(workspace.RetrieverFolder);

        // Imported weights can be exported for use elsewhere without any data.
        PreparedData? data = Directory.Exists(workspace.DataFolder) ? await PreparedData.LoadAsync(workspace.DataFolder, context.Cancellation) : null;
        Catalog catalog = data?.Catalog ?? InventedData.Catalog(tower.Model);
        if (data is not null)
        {
            RetrieverItems.Require(workspace.RetrieverFolder, tower.Model.Items, catalog);
        }

        // An index of older embeddings, or a ranker of another retriever, must not be published with these.
        FolderSwap.DeleteIfThere(workspace.ExportFolder);
        Directory.CreateDirectory(workspace.ExportFolder);
        try
        {
            TimedHistory[] histories = SampledHistories.Draw(
                data?.Histories ?? InventedData.Histories(tower.Model, options.ParityHistories, context.Seed), options.ParityHistories, context.Seed);
            using var trained = new UserEncoder(tower);
            var parity = new Dictionary<string, ParityInfo>();
            ExportRetriever(workspace.ExportFolder, tower.Model, trained, weights, histories, parity);
            context.Progress.Report(new StepProgress { Fraction = 0.6 });

            TrainedWeights? ranker = null;
            RankerPartsInfo? rankerParts = null;
            if (RankerExport.IsUsable(context))
            {
                ranker = TrainedWeights.Read(workspace.RankerFolder, "train-ranker");
                rankerParts = new RankerExport(workspace, catalog, trained, histories, context.Seed).Write(ranker, options.RankerPrecision, parity);
            }

            ContentMapInfo? contentMap = data is null ? null : ContentMapExport.Write(workspace.ExportFolder, data, trained);
            var report = new ExportReport(tower.Model, weights.Sha256, parity, ranker?.Sha256, contentMap) { RankerParts = rankerParts };
            ExportFiles.WriteJson(Path.Combine(workspace.ExportFolder, ExportFiles.Parity), report, ExportJson.Default.ExportReport);
            context.Progress.Report(new StepProgress { Fraction = 1 });
            return report;
        }
        catch
        {
            FolderSwap.DeleteIfThere(workspace.ExportFolder);
            throw;
        }
    }

    private static void ExportRetriever(
        string folder, ModelInfo model, UserEncoder trained, TrainedWeights weights, TimedHistory[] histories, Dictionary<string, ParityInfo> parity)
    {
        NpyFile.Write(Path.Combine(folder, ArtifactNames.ItemEmbeddings), trained.ItemEmbeddings.data<float>().ToArray(), model.Dimension);
        using Tensor embeddings = trained.Encode(histories); // [B, D]
        float[] expected = embeddings.data<float>().ToArray();
        string path = Path.Combine(folder, ArtifactNames.UserTower);
        UserTowerGraph.Write(path, model, weights.Tensors);
        using (var exported = new OnnxUserTower(path, model))
        {
            parity[ArtifactNames.UserTower] = Parity.Require(ArtifactNames.UserTower, Parity.OfUserTower(exported, histories, expected));
        }

        path = Path.Combine(folder, ArtifactNames.UserTowerInt8);
        UserTowerGraph.Write(path, model, weights.Tensors, isInt8: true);
        ParityInfo inEightBits;
        using (var exported = new OnnxUserTower(path, model))
        {
            inEightBits = Parity.OfInt8(exported, histories, expected);
        }

        if (Parity.Holds(inEightBits))
        {
            parity[ArtifactNames.UserTowerInt8] = inEightBits;
        }
        else
        {
            File.Delete(path); // serving does without it
        }
    }
}
