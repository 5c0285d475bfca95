using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Export.Map;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Export;

/// <summary>Gathers one version from what the other steps made, and makes it the current one.</summary>
public static class PublishStep
{
    private const string PlotsFolder = "plots";

    /// <exception cref="UserErrorException">A step has not run, its parity does not hold, or two steps disagree.</exception>
    /// <exception cref="IOException">The disk is full, for one; nothing of the attempt is left then.</exception>
    public static async Task<PublishSummary> RunAsync(PublishOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Workspace workspace = context.Workspace;
        PreparedData data = await PreparedData.LoadAsync(workspace.DataFolder, context.Cancellation);
        ExportedModel exported = ExportedModel.Open(workspace, data);
        IReadOnlyList<EvaluationResult> metrics = PublishedMetrics.Read(workspace);
        RankerChoice choice = RankerChoice.Make(options.Ranker, exported.Ranker is not null, metrics);
        context.Progress.Report(new StepProgress { Fraction = 0.2, Message = choice.Reason });

        Manifest draft = Draft(options, context, data, exported, choice, metrics);
        string staging = workspace.Store.CreateStaging();
        try
        {
            Copy(workspace.ExportFolder, staging, draft);
            UserHistories histories = ServedHistories.Of(data, options.ServeSplit);
            HistoriesFile.Write(Path.Combine(staging, ArtifactNames.Histories), histories);
            Catalog catalog = ServedHistories.Count(data.Catalog, histories);
            await CatalogFile.WriteAsync(Path.Combine(staging, ArtifactNames.Catalog), catalog, context.Cancellation);
            if (draft.Ranker is { } ranker)
            {
                RankerItemParts.Write(staging, ranker, catalog);
            }

            if (draft.UserEmbeddings is { } embeddings)
            {
                UserEmbeddingsFile.Write(Path.Combine(staging, embeddings), Path.Combine(staging, draft.UserTower.File), draft.Model, histories, context);
            }

            draft = draft with { ItemMap = await ItemMapExport.WriteAsync(staging, catalog, context) };
            PublishedMetrics.Write(Path.Combine(staging, ArtifactNames.Metrics), metrics);
            CopyPlots(workspace, staging);
            context.Progress.Report(new StepProgress { Fraction = 0.95 });

            ArtifactVersion version = workspace.Store.Publish(staging, draft);
            context.Progress.Report(new StepProgress { Fraction = 1, Version = version.Manifest.ModelVersion, Message = $"published {version.Manifest.ModelVersion}" });
            return new PublishSummary(
                version.Manifest.ModelVersion, version.Folder, version.Manifest.Files.Sum(file => file.Size), choice.Use, choice.Reason);
        }
        catch
        {
            FolderSwap.DeleteIfThere(staging);
            throw;
        }
    }

    private static Manifest Draft(
        PublishOptions options, StepContext context, PreparedData data, ExportedModel exported, RankerChoice choice, IReadOnlyList<EvaluationResult> metrics)
    {
        DatasetSummary summary = data.Summary;
        return new Manifest
        {
            SchemaVersion = Manifest.CurrentSchema,
            ModelVersion = "", // named by its content when it is published
            Created = DateTimeOffset.UtcNow,
            Seed = context.Seed,
            Dataset = new DatasetInfo(
                summary.Name, summary.Sha256, summary.Users, summary.Items, summary.Interactions, data.Split.Name,
                options.ServeSplit == ServeSplit.All ? "all" : "train"),
            Model = exported.Report.Model,
            UserTower = exported.UserTower,
            UserTowerInt8 = exported.UserTowerInt8,
            UserEmbeddings = options.UserEmbeddings ? ArtifactNames.UserEmbeddings : null,
            Ranker = choice.Use ? exported.Ranker : null,
            Index = exported.Index,
            ContentMap = exported.Report.ContentMap,
            Metrics = metrics,
            Parity = exported.Report.Parity.Where(entry => choice.Use || entry.Key is not (ArtifactNames.Ranker or ArtifactNames.RankerCandidates)).ToDictionary(),
            Files = [],
        };
    }

    private static void Copy(string export, string staging, Manifest draft)
    {
        List<string> files = [draft.UserTower.File, draft.Index.File, ArtifactNames.ItemEmbeddings];
        if (draft.UserTowerInt8 is not null)
        {
            files.Add(draft.UserTowerInt8.File);
        }

        if (draft.Ranker is not null)
        {
            // Its settings too: the weight of the cosine changes what is served, so it belongs to what names the version.
            files.AddRange([draft.Ranker.Onnx.File, RankerFiles.ModelName, .. draft.Ranker.Parts.Files().Where(file => file != draft.Ranker.Parts.ItemParts)]);
        }

        if (draft.ContentMap is not null)
        {
            files.AddRange([draft.ContentMap.File, draft.ContentMap.Features]);
        }

        foreach (string file in files.Distinct())
        {
            File.Copy(Path.Combine(export, file), Path.Combine(staging, file));
        }
    }

    private static void CopyPlots(Workspace workspace, string staging)
    {
        foreach (string folder in new[] { workspace.RetrieverFolder, workspace.RankerFolder }.Where(Directory.Exists))
        {
            foreach (string plot in Directory.EnumerateFiles(folder).Where(path => Path.GetExtension(path) is ".png" or ".svg"))
            {
                string target = Path.Combine(staging, PlotsFolder, $"{Path.GetFileName(folder)}-{Path.GetFileName(plot)}");
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(plot, target);
            }
        }
    }
}
