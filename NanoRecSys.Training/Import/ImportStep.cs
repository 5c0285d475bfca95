using System.Text.Json;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Import;

/// <summary>
/// Pretrained weights in, the same files out as a training leaves: <c>evaluate</c>, <c>export</c>, <c>index</c> and
/// <c>publish</c> go on from there. Nothing is written before all weights are checked.
/// </summary>
internal static class ImportStep
{
    /// <exception cref="UserErrorException">A file cannot be read, holds another network, or does not fit the data.</exception>
    public static async Task<ImportSummary> RunAsync(ImportOptions options, StepContext context)
    {
        Require(options);
        Workspace workspace = context.Workspace;
        try
        {
            ImportedTower? tower = options.UserTower is null ? null : ImportedTower.Read(options.UserTower, options);
            ImportedRanker? ranker = options.Ranker is null ? null
                : ImportedRanker.Read(options.Ranker, (tower?.Model ?? RetrieverFiles.ReadModel(workspace.RetrieverFolder)).Dimension, options.Genres);
            List<string> notes = [.. tower?.Notes ?? [], .. ranker?.Notes ?? []];
            context.Progress.Report(new StepProgress { Fraction = 0.1, Message = "the weights are whole" });

            int[]? itemMap = options.ItemMap is null ? null : ItemMapFile.Read(options.ItemMap);
            DatasetSummary? data = await FitDataAsync(tower, itemMap, options, context, notes);
            Catalog? catalog = data is null ? null : await CatalogFile.ReadAsync(Path.Combine(workspace.DataFolder, PreparedData.CatalogName), context.Cancellation);
            RankerModel? rankerModel = ranker?.NameGenres(catalog is null ? [] : ItemFeatures.Vocabulary(catalog), notes);
            if (tower is not null)
            {
                Write(workspace.RetrieverFolder, folder =>
                {
                    RetrieverFiles.Write(folder, tower.Model, tower.Tensors);
                    if (catalog is not null)
                    {
                        RetrieverItems.Write(folder, RetrieverItems.MovieIds(catalog));
                    }
                });
                workspace.ForgetNegatives();
            }

            if (ranker is not null)
            {
                rankerModel = rankerModel! with { RetrieverSha256 = TrainedWeights.HashOf(workspace.RetrieverFolder) };
                Write(workspace.RankerFolder, folder => RankerFiles.Write(folder, rankerModel, ranker.Tensors));
            }
            else if (RankerExport.MismatchOf(workspace) is { } mismatch)
            {
                notes.Add($"The ranker that is there is neither evaluated nor exported any more. {mismatch}");
            }

            context.Progress.Report(new StepProgress { Fraction = 1 });
            return new ImportSummary(tower?.Model, rankerModel, data, notes);
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserErrorException(e.Message, e);
        }
    }

    private static void Require(ImportOptions options)
    {
        if (options.UserTower is null && options.Ranker is null)
        {
            throw new UserErrorException("Give --user-tower or --ranker, or both.");
        }

        if (options.UserTower is null && options.ItemMap is not null)
        {
            throw new UserErrorException("--item-map belongs to --user-tower: it tells the movies of its item table's rows.");
        }
    }

    /// <summary>Makes sure that the prepared data's items are the item table's rows.</summary>
    /// <returns>Null where none is prepared.</returns>
    private static async Task<DatasetSummary?> FitDataAsync(ImportedTower? tower, int[]? itemMap, ImportOptions options, StepContext context, List<string> notes)
    {
        DatasetSummary? prepared = ReadSummary(context.Workspace);
        if (tower is null)
        {
            return prepared;
        }

        int items = tower.Model.Items;
        if (itemMap is not null)
        {
            return itemMap.Length == items
                ? await PrepareAgainAsync(itemMap, prepared, options, context, notes)
                : throw new UserErrorException($"{options.ItemMap} names {itemMap.Length} movies, the item table 'embedding.weight' has {items} rows.");
        }

        if (prepared is null)
        {
            notes.Add("No data is prepared yet: run 'prepare' before 'evaluate' and 'publish'. Without --item-map its items, in order of first appearance, must be the item table's rows.");
        }
        else if (prepared.Items != items)
        {
            throw new UserErrorException($"The item table has {items} rows, the prepared data {prepared.Items} items. Give --item-map with the movie ids in the order of the rows.");
        }
        else if (prepared.ItemOrder is null)
        {
            notes.Add($"The item table's rows are taken to be the prepared data's {items} items, in their order of first appearance; --item-map says otherwise.");
        }

        return prepared;
    }

    // From the ratings again: so nothing is lost when another map is given later, and movies without ratings get their titles.
    private static async Task<DatasetSummary> PrepareAgainAsync(int[] itemMap, DatasetSummary? prepared, ImportOptions options, StepContext context, List<string> notes)
    {
        var prepare = new PrepareOptions
        {
            Data = options.Data,
            MinRating = prepared?.MinRating ?? 0,
            KCore = prepared?.KCore ?? 0,
            Cuts = prepared?.Cuts,
            ItemOrder = itemMap,
        };
        DatasetSummary data = await PrepareStep.RunAsync(prepare, context);
        ItemOrderSummary match = data.ItemOrder!;
        notes.Add($"The data was prepared in the item map's order: {data.Items - match.WithoutInteractions:N0} of its {data.Items:N0} movies have ratings.");
        if (match.UnknownItems > 0)
        {
            notes.Add($"{match.UnknownItems:N0} rated movies are not in the item map; their {match.UnknownInteractions:N0} ratings were left out, also from what is evaluated.");
        }

        return data;
    }

    private static DatasetSummary? ReadSummary(Workspace workspace)
    {
        string path = Path.Combine(workspace.DataFolder, PreparedData.SummaryName);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), TrainingJson.Default.DatasetSummary) : null;
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"{path} cannot be read: {e.Message} Run 'prepare' again.", e);
        }
    }

    // Beside the old folder and then in its place: checkpoints and plots of another training go with it.
    private static void Write(string folder, Action<string> write)
    {
        string fresh = $"{folder}.{Guid.NewGuid():N}.tmp";
        try
        {
            write(fresh);
            FolderSwap.Replace(folder, fresh);
        }
        finally
        {
            FolderSwap.DeleteIfThere(fresh);
        }
    }
}

/// <summary>What <c>import</c> can be told.</summary>
internal sealed record ImportOptions
{
    /// <summary>Weights of the user tower, <c>.pth</c> or <c>.safetensors</c>; null: the retriever stays.</summary>
    public string? UserTower { get; init; }

    /// <summary>Weights of the ranker, in either format; null: none is imported.</summary>
    public string? Ranker { get; init; }

    /// <summary>H; null: as the file tells, where it holds <c>rope.inv_freq</c> or was exported here.</summary>
    public int? Heads { get; init; }

    /// <summary>L; null: as the file tells, else <see cref="DefaultMaxLength"/>.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Base of the rotary embedding; null: as the file tells, else <see cref="DefaultRopeBase"/>.</summary>
    public double? RopeBase { get; init; }

    /// <summary>File of the movie ids of the item table's rows; null: they are those of the prepared data, in its order.</summary>
    public string? ItemMap { get; init; }

    /// <summary>File of the genres of the ranker's genre rows, one a line; null: those of the data, in alphabetical order.</summary>
    public string? Genres { get; init; }

    /// <summary>See <see cref="DatasetSource"/>; read again where there is an item map.</summary>
    public string Data { get; init; } = DatasetSource.Small;

    public const int DefaultMaxLength = 200;
    public const double DefaultRopeBase = 500;
}

/// <summary>What <c>import</c> made.</summary>
/// <param name="UserTower">The imported user tower's configuration; null where the retriever stayed.</param>
/// <param name="Ranker">The imported ranker's; null where there is none.</param>
/// <param name="Data">The prepared data that they stand beside; null where none is prepared yet.</param>
/// <param name="Notes">What was stripped, assumed or left out, a sentence each.</param>
internal sealed record ImportSummary(ModelInfo? UserTower, RankerModel? Ranker, DatasetSummary? Data, IReadOnlyList<string> Notes);
