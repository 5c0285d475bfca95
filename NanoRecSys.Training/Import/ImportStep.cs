namespace NanoRecSys.Training.Import;

/// <summary>Turns pretrained weights into the files that a training writes; <c>evaluate</c>, <c>export</c>, <c>index</c> and <c>publish</c> continue
/// from there. All weights are checked before anything is written.</summary>
internal static class ImportStep
{
    public static async Task<ImportSummary> RunAsync(ImportOptions options, StepContext context)
    {
        Require(options);
        Workspace workspace = context.Workspace;
        try
        {
            ImportedTower? tower = options.UserTower is null ? null : ImportedTower.Read(options.UserTower, options);
            ImportedRanker? ranker = options.Ranker is null ? null
                : ImportedRanker.Read(options.Ranker, (tower?.Model ?? ModelFolder.Retriever.ReadModel(workspace.RetrieverFolder)).EmbeddingDimension, options.Genres);
            List<string> notes = [.. tower?.Notes ?? [], .. ranker?.Notes ?? []];
            context.Progress.Report(new ProgressEvent { Fraction = 0.1, Message = "the weights are complete" });

            // Everything is checked before anything is written, including the data that is prepared again.
            Preparation? prepared = tower is null || options.ItemMap is null ? null : await PrepareAgainAsync(tower, options, context, notes);
            DatasetSummary? data = prepared?.Summary ?? RequireFit(tower, workspace, notes);
            Catalog? catalog = prepared?.Catalog
                ?? (data is null ? null : await CatalogFile.ReadAsync(Path.Combine(workspace.DataFolder, PreparedData.CatalogName), context.Cancellation));
            RankerModel? rankerModel = ranker?.NameGenres(catalog is null ? [] : ItemLayout.CategoryNames(catalog), notes);
            if (prepared is not null)
            {
                await prepared.WriteAsync(context);
            }

            if (tower is not null)
            {
                await WriteAsync(workspace.RetrieverFolder, folder =>
                {
                    ModelFolder.Retriever.Write(folder, tower.Model, tower.Tensors, Provenance.Imported);
                    if (catalog is not null)
                    {
                        RetrieverItems.Write(folder, RetrieverItems.Ids(catalog));
                    }
                });
            }

            if (ranker is not null)
            {
                rankerModel = rankerModel! with { RetrieverSha256 = ModelFolder.HashOf(workspace.RetrieverFolder) };
                await WriteAsync(workspace.RankerFolder, folder => ModelFolder.Ranker.Write(folder, rankerModel, ranker.Tensors, Provenance.Imported));
            }
            else if (RankerExport.MismatchOf(workspace, data: null) is { } mismatch)
            {
                notes.Add($"The existing ranker is no longer evaluated or exported. {mismatch}");
            }

            context.Progress.Report(new ProgressEvent { Fraction = 1 });
            return new ImportSummary(tower?.Model, rankerModel, data, notes);
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserErrorException(e.Message, e);
        }
    }

    private static void Require(ImportOptions options)
    {
        UserErrorException.ThrowIf(options.UserTower is null && options.Ranker is null, $"Set --user-tower, --ranker or both.");

        if (options.UserTower is null && options.ItemMap is not null)
        {
            throw new UserErrorException("--item-map requires --user-tower: it lists the item ids of its rows.");
        }
    }

    /// <summary>Requires the prepared data, if any, to have as many items as the item table has rows.</summary>
    /// <returns>Null if no data is prepared.</returns>
    private static DatasetSummary? RequireFit(ImportedTower? tower, Workspace workspace, List<string> notes)
    {
        DatasetSummary? prepared = PreparedData.ReadSummary(workspace.DataFolder);
        if (tower is null)
        {
            return prepared;
        }

        int items = tower.Model.Items;
        if (prepared is null)
        {
            notes.Add("No data is prepared yet: run 'prepare' before 'evaluate' and 'publish'. "
                + "Without --item-map its items, in order of first appearance, must be the rows of the item table.");
        }
        else if (prepared.Items != items)
        {
            throw new UserErrorException($"The item table has {items} rows, the prepared data has {prepared.Items} items. "
                + "Set --item-map to a file with the item ids in the order of the rows.");
        }
        else if (prepared.ItemOrder is null)
        {
            notes.Add($"The rows of the item table are assumed to be the {items} items of the prepared data in order of first appearance; "
                + "set --item-map if they are not.");
        }

        return prepared;
    }

    // Prepared from the source again, so that nothing is lost if another map is given later, and items without interactions get their titles.
    private static async Task<Preparation> PrepareAgainAsync(ImportedTower tower, ImportOptions options, StepContext context, List<string> notes)
    {
        EntityId[] itemMap = ItemMapFile.Read(options.ItemMap!);
        UserErrorException.ThrowIf(itemMap.Length != tower.Model.Items,
            $"{options.ItemMap} names {itemMap.Length} items, the item table 'embedding.weight' has {tower.Model.Items} rows.");

        DatasetSummary? former = PreparedData.ReadSummary(context.Workspace.DataFolder);
        Preparation prepared = await PrepareStep.ReadAsync(
            new PrepareOptions { Data = options.Data, Reading = former?.Reading ?? new(), MinRating = former?.MinRating ?? 0, KCore = former?.KCore ?? 0, Cuts = former?.Cuts, ItemOrder = itemMap }, context);
        DatasetSummary data = prepared.Summary;
        ItemOrderSummary match = data.ItemOrder!;
        notes.Add($"The data was prepared in the order of the item map: {data.Items - match.WithoutInteractions:N0} of its {data.Items:N0} items have interactions.");
        if (match.UnknownItems > 0)
        {
            notes.Add($"{match.UnknownItems:N0} items of the data are not in the item map; their {match.UnknownInteractions:N0} interactions were left out, also in evaluation.");
        }

        if (former is { Events: > 0 } or { NewItems: > 0 })
        {
            notes.Add("The former data was prepared with --events or --new-items; the new data is not.");
        }

        return prepared;
    }

    // The old folder is removed with all its checkpoints and plots.
    private static Task WriteAsync(string folder, Action<string> write) => AtomicFolder.WriteAsync(folder, fresh => Task.Run(() => write(fresh)));
}

internal sealed record ImportOptions
{
    public string? UserTower { get; init; }
    public string? Ranker { get; init; }

    /// <summary>H; null: from the file, if it contains <c>rope.inv_freq</c> or was exported by this program.</summary>
    public int? Heads { get; init; }

    /// <summary>L; null: from the file, else <see cref="DefaultMaxLength"/>.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Base of the rotary embedding; null: from the file, else <see cref="DefaultRopeBase"/>.</summary>
    public double? RopeBase { get; init; }

    /// <summary>File with the item ids of the item table's rows; null: the prepared data's items, in order.</summary>
    public string? ItemMap { get; init; }

    /// <summary>File with the genres of the ranker's genre rows, one per line; null: the data's genres in alphabetical order.</summary>
    public string? Genres { get; init; }
    public string Data { get; init; } = DatasetSource.Small;

    public const int DefaultMaxLength = 200;
    public const double DefaultRopeBase = 500;
}

/// <param name="UserTower">The imported user tower's configuration; null if the retriever was not replaced.</param>
/// <param name="Ranker">The imported ranker's; null if there is none.</param>
/// <param name="Data">The prepared data; null if none is prepared yet.</param>
/// <param name="Notes">What was stripped, assumed or left out, one sentence each.</param>
internal sealed record ImportSummary(ModelInfo? UserTower, RankerModel? Ranker, DatasetSummary? Data, IReadOnlyList<string> Notes);
