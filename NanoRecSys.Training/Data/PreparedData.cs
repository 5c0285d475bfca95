using System.Security.Cryptography;

namespace NanoRecSys.Training.Data;

/// <summary>The output of <c>prepare</c>, input of every later step.</summary>
/// <param name="Catalog">All items; their counts cover only the training part.</param>
/// <param name="TrainCounts">[V] interactions of each item in the training part.</param>
internal sealed record PreparedData(DatasetSummary Summary, Catalog Catalog, DataSplit Split, int[] TrainCounts)
{
    public const string HistoriesName = ArtifactNames.Histories;
    public const string CatalogName = "catalog.parquet";
    public const string SummaryName = "dataset.json";

    /// <summary>Complete histories, including the held-out items.</summary>
    public UserHistories Histories => Split.Histories;

    /// <inheritdoc cref="DataSplit.WithValidation"/>
    public PreparedData WithValidation() => With(Split.WithValidation());

    public PreparedData With(DataSplit split) => this with { Split = split, TrainCounts = CountTrain(split, Catalog.Count) };

    /// <inheritdoc cref="DatasetSummary.Hash"/>
    public string Hash => Summary.Hash;

    /// <summary>SHA-256 of the prepared catalog. A training that reads more than item ids depends on it, too.</summary>
    public static string HashOfCatalog(Workspace workspace) => FileHash.Of(Path.Combine(workspace.DataFolder, CatalogName));

    public static async Task<PreparedData> LoadAsync(string folder, CancellationToken cancellation = default)
    {
        DatasetSummary summary = ReadSummary(folder)
            ?? throw new UserErrorException($"There is no prepared data in {folder}. Run 'prepare' first, with the same --data and --artifacts.");
        try
        {
            Catalog catalog = await CatalogFile.ReadAsync(Path.Combine(folder, CatalogName), cancellation);
            UserHistories histories = HistoriesFile.Map(folder);
            RequireAgreement(histories, summary, catalog);
            var split = DataSplit.Of(histories, summary.Cuts);
            return new PreparedData(summary, catalog, split, CountTrain(split, catalog.Count));
        }
        catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException)
        {
            throw Unreadable(folder, e);
        }
    }

    /// <returns>Null if nothing is prepared.</returns>
    public static DatasetSummary? ReadSummary(string folder)
    {
        try
        {
            return TrainingJson.Read<DatasetSummary>(Path.Combine(folder, SummaryName));
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw Unreadable(folder, e);
        }
    }

    private static UserErrorException Unreadable(string folder, Exception e) =>
        new($"The prepared data in {folder} cannot be read ({e.Message}). Run 'prepare' again.", e);

    /// <summary>[V] total weight of each item's interactions in the training part; their number if all weights are 1.</summary>
    public double[] TrainWeights()
    {
        double[] weights = new double[Catalog.Count];
        for (int user = 0; user < Split.UserCount; user++)
        {
            ReadOnlySpan<int> items = Split.Train(user);
            ReadOnlySpan<float> own = Split.TrainWeights(user);
            for (int t = 0; t < items.Length; t++)
            {
                weights[items[t]] += own.IsEmpty ? 1 : own[t];
            }
        }

        return weights;
    }

    /// <summary>[V] count of each item in the training part.</summary>
    public static int[] CountTrain(DataSplit split, int items)
    {
        int[] counts = new int[items];
        for (int user = 0; user < split.UserCount; user++)
        {
            foreach (int item in split.Train(user))
            {
                counts[item]++;
            }
        }

        return counts;
    }

    /// <summary><see cref="DatasetSummary.Hash"/> of the data to be written.</summary>
    public static string HashOf(IdTable items, UserHistories histories, TimeCuts? cuts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes($"{items.Count} {histories.UserCount} {histories.InteractionCount} {cuts?.ValidationFrom} {cuts?.TestFrom}\n"));
        AppendIds(items);
        AppendIds(histories.Users);
        Append(histories.Offsets);
        Append(histories.Items);
        Append(histories.Times);
        Append(histories.Weights); // empty for data without weights, whose hash therefore stays the same as in earlier versions
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void AppendIds(IdTable ids)
        {
            for (int row = 0; row < ids.Count; row++)
            {
                hash.AppendData(ids.Utf8At(row));
                hash.AppendData("\n"u8);
            }
        }

        void Append<T>(ReadOnlySpan<T> column)
            where T : unmanaged
        {
            const int Chunk = 1 << 20; // a whole column may have more bytes than a span can hold
            for (int start = 0; start < column.Length; start += Chunk)
            {
                hash.AppendData(MemoryMarshal.AsBytes(column.Slice(start, Math.Min(Chunk, column.Length - start))));
            }
        }
    }

    // The mapped file's values are used millions of times without further checks.
    private static void RequireAgreement(UserHistories histories, DatasetSummary summary, Catalog catalog)
    {
        InvalidDataException.ThrowIf(histories.UserCount != summary.Users || histories.InteractionCount != summary.Interactions || catalog.Count != summary.Items,
            $"{SummaryName} counts {summary.Users} users, {summary.Interactions} interactions and {summary.Items} items; {HistoriesName} has {histories.UserCount} and {histories.InteractionCount}, {CatalogName} {catalog.Count}");
        InvalidDataException.ThrowIf(!histories.HasTimes, $"{HistoriesName} has no times");

        uint items = (uint)catalog.Count;
        foreach (int item in histories.Items)
        {
            InvalidDataException.ThrowIf((uint)item >= items, $"{HistoriesName} names item row {item}, the catalog has {items} rows");
        }

        InvalidDataException.ThrowIf(HashOf(catalog.Ids, histories, summary.Cuts) != summary.Hash,
            $"{HistoriesName} or {CatalogName} changed after {SummaryName} was written");
    }
}

/// <summary>Describes the result of <c>prepare</c>: <c>dataset.json</c>.</summary>
/// <param name="Source">The interactions file or archive it was read from.</param>
/// <param name="Items">Items after filtering: the item table's rows.</param>
/// <param name="LowRated">Interactions dropped for a rating below the threshold.</param>
/// <param name="Repeated">Repeated interactions of a user with an item; they are kept.</param>
/// <param name="TiedUsers">Users with several interactions at one timestamp, which keep the file's order.</param>
/// <param name="MinRating">The threshold; 0 means that every interaction is a positive.</param>
/// <param name="KCore">Minimum interactions per user and item; 0 means unfiltered.</param>
/// <param name="Cuts">Boundaries of a split by time; null for leave-one-out.</param>
/// <param name="ItemOrder">For an imported item table: what did not match.</param>
internal sealed record DatasetSummary(
    string Name, string Source, string Sha256, int Users, int Items, long Interactions, long LowRated, long Skipped, long Repeated, int TiedUsers,
    double MinRating, int KCore, TimeCuts? Cuts = null, ItemOrderSummary? ItemOrder = null)
{
    /// <summary>SHA-256 of everything that a model's rows and metrics depend on: item ids in row order, users, histories with times and weights, and the
    /// cuts. Identifies the prepared data that a result belongs to.</summary>
    public required string Hash { get; init; }

    /// <summary>Absolute path that <c>--data</c> named.</summary>
    public string Place { get; init; } = "";

    /// <summary>All source files of the data.</summary>
    public IReadOnlyList<SourceFile> Files { get; init; } = [];
    public ReadOptions Reading { get; init; } = new();
    public RecognizedFormat? Format { get; init; }

    /// <summary>Types of events and their weights; empty if the data has none.</summary>
    public IReadOnlyList<EventTypeCount> EventTypes { get; init; } = [];

    /// <summary>Unreadable rows that were left out.</summary>
    public long BadRows { get; init; }

    /// <summary>Rows of events with zero or negative weight; they were left out.</summary>
    public long Excluded { get; init; }

    /// <summary>The earliest time, in seconds since 1970; null if the data has no times.</summary>
    public long? From { get; init; }
    public long? Until { get; init; }

    /// <summary>Users with fewer than three interactions, who are in neither validation nor test.</summary>
    public int ShortUsers { get; init; }

    /// <summary>Items without metadata.</summary>
    public int Undescribed { get; init; }

    /// <summary>Exact copies of earlier rows, which were dropped first.</summary>
    public int Duplicates { get; init; }

    /// <summary>Unit of the file's timestamps. Prepared times are in seconds.</summary>
    public string TimeUnit { get; init; } = Data.TimeUnit.Seconds.Name;

    /// <summary>Notes for the user about the data, one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Interactions from the API instead of the file, before filtering.</summary>
    public int Events { get; init; }

    /// <summary>Dislikes from the API; they were left out.</summary>
    public int Dislikes { get; init; }

    /// <inheritdoc cref="DatasetInfo.EventsRead"/>
    public DateTimeOffset? EventsRead { get; init; }

    /// <summary>Items that were removed entirely; see <see cref="HeldOutItems"/>.</summary>
    public int NewItems { get; init; }

    /// <inheritdoc cref="PrepareOptions.Word"/>
    public ItemWord? Word { get; init; }

    /// <summary>Name of the split that later steps use.</summary>
    public string Split => Cuts is null ? LeaveOneOut.SplitName : TimeSplit.SplitName;

    /// <summary>Countable problems of the data, one sentence each.</summary>
    public IEnumerable<string> Shortcomings()
    {
        if (ShortUsers > 0)
        {
            yield return $"{ShortUsers:N0} users have fewer than three interactions and are neither validated nor tested.";
        }

        if (Undescribed > 0 && Format?.Items is { } items)
        {
            yield return $"{Undescribed:N0} items are not in {Path.GetFileName(items)} and go by their ids.";
        }

        if (TiedUsers > 0)
        {
            yield return $"{TiedUsers:N0} users have interactions with equal timestamps, which keep the order of the file.";
        }
    }
}

/// <param name="WithoutInteractions">Rows without interactions; they stay in the catalog with count 0.</param>
/// <param name="UnknownItems">Items with interactions that have no row in the table.</param>
/// <param name="UnknownInteractions">Their interactions, which were left out: the model can neither read nor recommend these items.</param>
internal sealed record ItemOrderSummary(int WithoutInteractions, int UnknownItems, long UnknownInteractions);

internal static class CatalogBuilder
{
    /// <param name="itemIds">[V]</param>
    /// <param name="counts">[V] interactions in the training part.</param>
    public static Catalog Build(IReadOnlyList<EntityId> itemIds, int[] counts, IReadOnlyList<CatalogItem> items)
    {
        // The first row of an item listed twice counts.
        Dictionary<EntityId, CatalogItem> byId = items.DistinctBy(item => item.Id).ToDictionary(item => item.Id);
        var spellings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase); // a genre has one spelling across all items: its first
        return new Catalog([.. itemIds.Select((id, row) =>
        {
            CatalogItem item = byId.GetValueOrDefault(id) ?? new CatalogItem(row, id, "", [], 0);
            ItemText text = ItemText.Clean(item.Title, item.Categories, isFilm: false);
            return item with { Index = row, Id = id, Title = text.Title.Length > 0 ? text.Title : id.Text, Categories = [.. text.Genres.Select(Spell)], Count = counts[row] };
        })]);

        string Spell(string genre) => CollectionsMarshal.GetValueRefOrAddDefault(spellings, genre, out _) ??= genre;
    }
}
