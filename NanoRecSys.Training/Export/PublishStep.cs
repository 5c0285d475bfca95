using NanoRecSys.Core.Serving;
using NanoRecSys.Training.Export.Map;
using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>Collects the output of the other steps into a version, and makes it the current one.</summary>
internal static class PublishStep
{
    private const string PlotsFolder = "plots";

    /// <exception cref="UserErrorException">A step has not run, its parity does not hold, or two steps disagree.</exception>
    /// <exception cref="IOException">For example, the disk is full; nothing of the attempt remains.</exception>
    public static async Task<PublishSummary> RunAsync(PublishOptions options, StepContext context)
    {
        Workspace workspace = context.Workspace;
        PreparedData data = await PreparedData.LoadAsync(workspace.DataFolder, context.Cancellation);
        ExportedModel exported = ExportedModel.Open(workspace, data);
        IReadOnlyList<EvaluationResult> metrics = PublishedMetrics.Read(data, context);
        RaceOutcome? race = options.UseRace ? RaceOutcome.Find(workspace, data) : null;
        metrics = [.. metrics.Select(result => result.Split == NextItemRanking.NameOf(HeldOut.Validation) && race?.Of(result.Model) is { } figures
            ? result with { Race = figures } : result)];
        RankerChoice choice = RankerChoice.Make(options.Ranker, exported.Ranker is not null, metrics, race);
        context.Progress.Report(new ProgressEvent { Fraction = 0.2, Message = choice.Reason });

        GateResult? gate = options.Force ? null : await PublishGate.CompareAsync(options.AllowedLoss, data, exported.Report, metrics, context);
        Manifest draft = Draft(options, context, data, exported, choice, metrics, choice.Use ? null : race) with
        {
            Gate = gate,
            Race = race is null ? null : new RaceInfo(race.Reason, race.Users, race.Figures, race.Notes),
        };
        string staging = workspace.Store.CreateStaging();
        try
        {
            Copy(workspace.ExportFolder, staging, draft);
            if (race is not null)
            {
                File.Copy(Path.Combine(workspace.RaceFolder, RaceOutcome.FileName), Path.Combine(staging, RaceOutcome.FileName));
            }

            foreach (ItemListInfo list in draft.Blend ?? [])
            {
                string source = draft.FinalFit is null ? workspace.RaceFolder : workspace.FinalFolder;
                File.Copy(Path.Combine(source, list.File), Path.Combine(staging, list.File));
            }

            UserHistories histories = ServedHistories.Of(data, options.ServeSplit);
            HistoriesFile.Write(staging, histories);
            Catalog catalog = ServedHistories.Count(data, histories);
            await CatalogFile.WriteAsync(Path.Combine(staging, ArtifactNames.Catalog), catalog, context.Cancellation);
            if (draft.Ranker is { } ranker)
            {
                RankerItemParts.Write(staging, ranker, catalog);
            }

            if (draft.UserEmbeddings is { } embeddings)
            {
                UserEmbeddingsFile.Write(embeddings, new ArtifactVersion(staging, draft), histories, context);
            }

            draft = draft with { ItemMap = await ItemMapExport.WriteAsync(staging, catalog, context) };
            byte[] json = JsonSerializer.SerializeToUtf8Bytes([.. metrics], CoreJson.Indented.ListEvaluationResult);
            await File.WriteAllBytesAsync(Path.Combine(staging, ArtifactNames.Metrics), json, context.Cancellation);
            CopyPlots(workspace, staging);
            context.Progress.Report(new ProgressEvent { Fraction = 0.95 });

            ArtifactVersion version = workspace.Store.Publish(staging, draft);
            if (gate is { Refused: true })
            {
                throw new UserErrorException(
                    $"Version {version.Manifest.ModelVersion} is stored but not served, because it is significantly worse. {PublishGate.Describe(gate)}. "
                    + "Publish with --force to serve it anyway.");
            }

            await ServedWeights.KeepAsync(version.Manifest.ModelVersion, data, workspace);
            context.Progress.Report(new ProgressEvent { Fraction = 1, Version = version.Manifest.ModelVersion, Message = $"published {version.Manifest.ModelVersion}" });
            return new PublishSummary(
                version.Manifest.ModelVersion, version.Folder, version.Manifest.Files.Sum(file => file.Size), choice.Use, choice.Reason)
            { Gate = gate };
        }
        catch
        {
            AtomicFolder.DeleteIfExists(staging);
            throw;
        }
    }

    /// <summary>The pages' word for an item of MovieLens data, which keeps its name; null for other data.</summary>
    internal static ItemWord? WordOf(string dataset) =>
        dataset == "movielens-small" || dataset.StartsWith("ml-", StringComparison.Ordinal) ? new ItemWord("film", "films") : null;

    private static Manifest Draft(
        PublishOptions options, StepContext context, PreparedData data, ExportedModel exported, RankerChoice choice, IReadOnlyList<EvaluationResult> metrics,
        RaceOutcome? race)
    {
        DatasetSummary summary = data.Summary;
        return new Manifest
        {
            SchemaVersion = Manifest.CurrentSchema,
            ModelVersion = "", // named by its content on publishing
            Created = DateTimeOffset.UtcNow,
            Seed = context.Seed,
            Dataset = new DatasetInfo(
                summary.Name, summary.Sha256, summary.Users, summary.Items, summary.Interactions, summary.Split,
                options.ServeSplit == ServeSplit.All ? "all" : "train")
            {
                Word = summary.Word ?? WordOf(summary.Name),
                EventsRead = summary.EventsRead,
                HasTimes = summary.From is not null,
                Warnings = [.. summary.Shortcomings(), .. summary.Notes],
            },
            Model = exported.Report.Model,
            UserTower = exported.UserTower,
            UserTowerInt8 = exported.UserTowerInt8,
            UserEmbeddings = options.UserEmbeddings ? ArtifactNames.UserEmbeddings : null,
            Ranker = choice.Use ? exported.Ranker : null,
            Blend = race?.Lists,
            FinalFit = exported.Report.FinalFit,
            Calibration = PublishedMetrics.OnValidation(metrics, choice.Use ? "ranker" : race is { Lists.Count: > 0 } ? RaceStep.BlendName : "retriever")?.Calibration,
            Index = exported.Index with { Sha256 = null, ItemsSha256 = null },
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
            // With its settings: the weight of the cosine changes the served results, so the version's name must depend on it.
            files.AddRange([draft.Ranker.Onnx.File, ModelFolder.Ranker.ConfigurationName, .. draft.Ranker.Parts.Files().Where(file => file != draft.Ranker.Parts.ItemParts)]);
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
        string work = Path.GetDirectoryName(workspace.RetrieverFolder)!;
        string[] folders = [workspace.RetrieverFolder, .. ModelFolder.MemberFolders(workspace.RetrieverFolder), workspace.RankerFolder];
        foreach (string folder in folders.Where(Directory.Exists))
        {
            foreach (string plot in Directory.EnumerateFiles(folder).Where(path => Path.GetExtension(path) is ".png" or ".svg"))
            {
                string target = Path.Combine(staging, PlotsFolder, $"{Path.GetRelativePath(work, folder).Replace(Path.DirectorySeparatorChar, '-')}-{Path.GetFileName(plot)}");
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(plot, target);
            }
        }
    }
}

internal sealed record PublishOptions
{
    public ServeSplit ServeSplit { get; init; } = ServeSplit.All;

    public RankerUse Ranker { get; init; } = RankerUse.IfBetter;

    /// <summary>Serve the model that <c>race</c> chose, if it ran with these weights.</summary>
    public bool UseRace { get; init; } = true;

    /// <summary>Whether to serve the version even if it is significantly worse than the current one.</summary>
    public bool Force { get; init; }

    /// <summary>Allowed drop of NDCG@10 below the served version; see <see cref="PublishGate"/>.</summary>
    public double AllowedLoss { get; init; }

    /// <summary>Whether to compute every user's embedding now, so that no request waits for the user tower.</summary>
    public bool UserEmbeddings { get; init; } = true;
}

internal enum ServeSplit
{
    /// <summary>Complete histories, for real users.</summary>
    All,

    /// <summary>Without the held-out items, so that offline metrics can be measured through the live API.</summary>
    Train,
}

public enum RankerUse
{
    /// <summary>Published if the race chose it; without a race, if its validation NDCG@10 is at least the retriever's.</summary>
    IfBetter,

    Always,

    Never,
}

/// <param name="Bytes">Size of all its files.</param>
/// <param name="HasRanker">Whether it includes the ranker.</param>
/// <param name="Ranker">Why the ranker is included or left out, in one sentence.</param>
internal sealed record PublishSummary(string Version, string Folder, long Bytes, bool HasRanker, string Ranker)
{
    /// <inheritdoc cref="Manifest.Gate"/>
    public GateResult? Gate { get; init; }
}

/// <summary>The output of export and index, checked for consistency with each other, the trained weights and the prepared data.</summary>
internal sealed record ExportedModel(ExportReport Report, IndexInfo Index, OnnxInfo UserTower, OnnxInfo? UserTowerInt8, RankerInfo? Ranker)
{
    /// <exception cref="UserErrorException">A step has not run, its parity does not hold, or two steps disagree.</exception>
    public static ExportedModel Open(Workspace workspace, PreparedData data)
    {
        string folder = workspace.ExportFolder;
        ExportReport report = ExportReport.Read(workspace, data);
        IndexInfo index = TrainingJson.ReadRequired<IndexInfo>(Path.Combine(folder, ExportFiles.Index), "index");
        OnnxInfo tower = DescribeWithParity(folder, ArtifactNames.UserTower, report)
            ?? throw new UserErrorException($"There is no {Path.Combine(folder, ArtifactNames.UserTower)}. Run 'export' again.");
        string path = Path.Combine(folder, ArtifactNames.Index);
        Provenance.RequireUnchanged(path, index.Sha256, "index", "Run 'index' again.");
        UserErrorException.ThrowIf(index.ItemsSha256 != report.Files[ArtifactNames.ItemEmbeddings],
            $"{path} was built from other item embeddings than the exported ones. Run 'index' again.");
        return new ExportedModel(report, index, tower, DescribeWithParity(folder, ArtifactNames.UserTowerInt8, report), DescribeRanker(folder, report));
    }

    private static RankerInfo? DescribeRanker(string folder, ExportReport report)
    {
        if (DescribeWithParity(folder, ArtifactNames.Ranker, report) is not OnnxInfo onnx)
        {
            return null;
        }

        RankerModel ranker = TrainingJson.ReadRequired<RankerModel>(Path.Combine(folder, ModelFolder.Ranker.ConfigurationName), "export");

        // A network for data without categories has one category row; a name that no item has keeps it unset.
        ItemLayout items = ranker.Items.Categories.Count > 0 ? ranker.Items : ranker.Items with { Categories = ["(none)"] };
        DescribeWithParity(folder, ArtifactNames.RankerCandidates, report);
        return new RankerInfo(onnx, items, ranker.RetrieverWeight, report.RankerParts!) { Signals = ranker.Signals };
    }

    /// <summary>Null if the file does not exist; a file whose parity is unknown or broken must not be published.</summary>
    private static OnnxInfo? DescribeWithParity(string folder, string file, ExportReport report)
    {
        string path = Path.Combine(folder, file);
        if (!File.Exists(path))
        {
            return null;
        }

        return report.Parity.TryGetValue(file, out ParityInfo? parity) && Parity.Holds(parity)
            ? OnnxDescription.Read(path)
            : throw new UserErrorException($"{file} has not been verified against the trained network ({parity?.MaxAbsDifference.ToString("G3") ?? "no parity report"}). Run 'export' again.");
    }
}

/// <summary>Whether the ranker is published: on validation, it must not be worse than the retriever whose candidates it ranks.</summary>
/// <param name="Use">Publish it.</param>
/// <param name="Reason">One sentence for people.</param>
internal sealed record RankerChoice(bool Use, string Reason)
{
    private const string Metric = "ndcg@10";

    public static RankerChoice Make(RankerUse use, bool isExported, IReadOnlyList<EvaluationResult> metrics, RaceOutcome? race = null)
    {
        if (race is not null && use == RankerUse.IfBetter)
        {
            return new(isExported && race.Chosen == "ranker", race.Reason);
        }

        if (!isExported || use != RankerUse.IfBetter)
        {
            return !isExported ? new(false, "No ranker was exported; the retriever's scores are served.")
                : use == RankerUse.Always ? new(true, "The ranker is published as requested.")
                : new(false, "The ranker is left out as requested.");
        }

        if (Find(metrics, "ranker") is not double ranker || Find(metrics, "retriever") is not double retriever)
        {
            return new(false, $"The ranker is left out: there is no validation {Metric} of both it and the retriever to compare. Run 'evaluate --split both' first.");
        }

        string figures = $"validation {Metric} {ranker:F4}, the retriever alone {retriever:F4}";
        return ranker >= retriever && ranker > 0
            ? new(true, $"The ranker is published: {figures}.")
            : new(false, $"The ranker is left out because it {(ranker < retriever ? "is worse" : "finds nothing")}: {figures}.");
    }

    private static double? Find(IReadOnlyList<EvaluationResult> metrics, string model) =>
        PublishedMetrics.OnValidation(metrics, model) is { } result && result.Metrics.TryGetValue(Metric, out double value) ? value : null;
}

/// <summary>The <c>evaluate</c> metrics of the published models.</summary>
internal static class PublishedMetrics
{
    /// <summary>All metrics, by model; those of other data, or of a model retrained since, are left out and reported.</summary>
    public static IReadOnlyList<EvaluationResult> Read(PreparedData data, StepContext context)
    {
        if (!Directory.Exists(context.Workspace.MetricsFolder))
        {
            return [];
        }

        var results = new List<EvaluationResult>();
        foreach (string path in Directory.EnumerateFiles(context.Workspace.MetricsFolder, "*.json").Order(StringComparer.Ordinal))
        {
            string model = Path.GetFileNameWithoutExtension(path);
            SavedMetrics saved = MetricsFile.Read(context.Workspace, model);
            if (MetricsFile.Difference(saved, context.Workspace, data, model) is { } difference)
            {
                context.Progress.Report(new ProgressEvent
                {
                    Message = $"The metrics of '{model}' are left out: they were measured {difference}. Run 'evaluate {model} --split both' again.",
                });
                continue;
            }

            results.AddRange(saved.Results);
        }

        return results;
    }

    /// <summary>A model's result on validation in its served form; null if there is none.</summary>
    public static EvaluationResult? OnValidation(IReadOnlyList<EvaluationResult> results, string model) => results.FirstOrDefault(result =>
        result.Model == model && result.Split == NextItemRanking.NameOf(HeldOut.Validation) && result.Exclude == NextItemRanking.NameOf(Exclusion.History));
}

/// <summary>The histories that a version serves, and the catalog with their counts.</summary>
internal static class ServedHistories
{
    public static UserHistories Of(PreparedData data, ServeSplit serve)
    {
        if (serve == ServeSplit.All)
        {
            return data.Histories;
        }

        var offsets = new long[data.Split.UserCount + 1];
        var items = new List<int>((int)data.Histories.InteractionCount);
        var times = new List<long>(data.Histories.Times.Length);
        var weights = new List<float>(data.Histories.Weights.Length);
        for (int user = 0; user < data.Split.UserCount; user++)
        {
            items.AddRange(data.Split.Train(user));
            times.AddRange(data.Split.TrainTimes(user));
            weights.AddRange(data.Split.TrainWeights(user));
            offsets[user + 1] = items.Count;
        }

        return new UserHistories(data.Histories.Users, offsets, items.ToArray(), times.ToArray(), weights.ToArray());
    }

    /// <summary>The catalog, counted in <paramref name="histories"/>, so that popularity reflects the served users.</summary>
    public static Catalog Count(PreparedData data, UserHistories histories)
    {
        PreparedData served = data.With(new LeaveOneOut(histories, heldOut: 0));
        double[]? weights = histories.HasWeights ? served.TrainWeights() : null;
        return new Catalog([.. data.Catalog.Items.Select(item => item with
        {
            Count = served.TrainCounts[item.Index],
            Weight = weights?[item.Index],
        })]);
    }
}

/// <summary>
/// The exported user tower's embedding of every served history: each alone, as serving encodes; in 32 bits, or in 8 bits if that takes minutes
/// and serving would use them.
/// </summary>
internal static class UserEmbeddingsFile
{
    /// <summary>Multiplications that one core performs in about a minute, in 32 bits.</summary>
    private const double Many = 5e12;

    private const int UsersAtOnce = 1_024; // few enough to cancel quickly, and enough that no core waits long for the last one

    /// <param name="name">File to write: float16 [U, D]; zeros for a user without a history.</param>
    /// <param name="histories">Histories of U users.</param>
    /// <param name="many">See <see cref="Many"/>.</param>
    public static void Write(string name, ArtifactVersion version, UserHistories histories, StepContext context, double many = Many)
    {
        using OnnxUserTower encoder = Operations(version.Manifest.Model, histories) < many ? UserTowers.OpenExact(version) : UserTowers.OpenFastest(version);
        int dimension = version.Manifest.Model.EmbeddingDimension;
        HalfRows.Write(version.PathOf(name), Encode(encoder, dimension, histories, context), histories.UserCount, dimension);
    }

    /// <summary>Approximate multiplications to encode all users: for each item read, one per weight of a block.</summary>
    private static double Operations(ModelInfo model, UserHistories histories)
    {
        double weights = (double)(model.Members ?? 1) * model.Blocks * model.Dimension * ((4.0 * model.Dimension) + (3.0 * model.FeedForward));
        return weights * Enumerable.Range(0, histories.UserCount).Sum(user => Math.Min(histories.At(user).Length, model.MaxLength));
    }

    private static IEnumerable<float[]> Encode(OnnxUserTower encoder, int dimension, UserHistories histories, StepContext context)
    {
        long now = histories.LastTime; // as serving asks
        var rows = new float[UsersAtOnce][];
        var threads = new ParallelOptions { CancellationToken = context.Cancellation, MaxDegreeOfParallelism = context.Threads };
        for (int first = 0; first < histories.UserCount; first += UsersAtOnce)
        {
            int count = Math.Min(UsersAtOnce, histories.UserCount - first);
            Parallel.For(0, count, threads, i =>
            {
                ReadOnlyMemory<int> items = histories.MemoryAt(first + i);
                rows[i] = items.IsEmpty ? new float[dimension] : encoder.Encode([new TimedHistory(items, histories.TimesMemoryAt(first + i), now)]);
            });
            for (int i = 0; i < count; i++)
            {
                yield return rows[i];
            }

            context.Progress.Report(new ProgressEvent
            {
                Fraction = 0.2 + (0.4 * (first + count) / histories.UserCount),
                Detail = $"{first + count:N0} of {histories.UserCount:N0} users encoded",
            });
        }
    }
}
