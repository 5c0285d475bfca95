using System.Security.Cryptography;

namespace NanoRecSys.Training.Data;

/// <summary>What <c>prepare</c> left for every later step.</summary>
/// <param name="Catalog">All items; their counts are those of the training part.</param>
/// <param name="TrainCounts">[V] interactions of each item in the training part.</param>
internal sealed record PreparedData(DatasetSummary Summary, Catalog Catalog, DataSplit Split, int[] TrainCounts)
{
    public const string HistoriesName = HistoriesFile.HistoriesName;
    public const string CatalogName = "catalog.parquet";
    public const string SummaryName = "dataset.json";

    /// <summary>Whole histories, the held-out items too.</summary>
    public UserHistories Histories => Split.Histories;

    /// <inheritdoc cref="DataSplit.WithValidation"/>
    public PreparedData WithValidation()
    {
        DataSplit split = Split.WithValidation();
        return this with { Split = split, TrainCounts = CountTrain(split, Catalog.Count) };
    }

    /// <inheritdoc cref="DatasetSummary.Hash"/>
    public string Hash => Summary.Hash;

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

    /// <returns>Null where nothing was prepared.</returns>
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

    /// <summary>[V] weight of each item's interactions in the training parts: their number, where all count 1.</summary>
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

    /// <summary>[V] count of each item in the training parts.</summary>
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

    /// <summary><see cref="DatasetSummary.Hash"/> of what is about to be written.</summary>
    public static string HashOf(IdTable items, UserHistories histories, TimeCuts? cuts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes($"{items.Count} {histories.UserCount} {histories.InteractionCount} {cuts?.ValidationFrom} {cuts?.TestFrom}\n"));
        AppendIds(items);
        AppendIds(histories.Users);
        Append(histories.Offsets);
        Append(histories.Items);
        Append(histories.Times);
        Append(histories.Weights); // none, and the hash of data without weights is what it was before there were any
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
            foreach (Range chunk in Chunks(column.Length)) // the bytes of a whole column may be more than one span can count
            {
                hash.AppendData(MemoryMarshal.AsBytes(column[chunk]));
            }
        }

        static IEnumerable<Range> Chunks(int length)
        {
            const int Chunk = 1 << 20;
            for (int start = 0; start < length; start += Chunk)
            {
                yield return start..Math.Min(start + Chunk, length);
            }
        }
    }

    // What the mapped file says is used without further checks, millions of times.
    private static void RequireAgreement(UserHistories histories, DatasetSummary summary, Catalog catalog)
    {
        InvalidDataException.ThrowIf(histories.UserCount != summary.Users || histories.InteractionCount != summary.Interactions || catalog.Count != summary.Items,
            $"{SummaryName} counts {summary.Users} users, {summary.Interactions} interactions and {summary.Items} items; {HistoriesName} holds {histories.UserCount} and {histories.InteractionCount}, {CatalogName} {catalog.Count}");
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

/// <summary>What <c>prepare</c> made: its <c>dataset.json</c>.</summary>
/// <param name="Source">The ratings file or the archive that it was read from.</param>
/// <param name="Items">Items after filters: the item table's rows.</param>
/// <param name="LowRated">Interactions rated below the threshold, which were dropped first.</param>
/// <param name="Repeated">Interactions with an item that the user had before; they are kept.</param>
/// <param name="TiedUsers">Users with two or more interactions at one timestamp, whose order is therefore the file's.</param>
/// <param name="MinRating">The threshold; 0 means that every interaction is a positive.</param>
/// <param name="KCore">Least interactions of each user and item; 0 means unfiltered.</param>
/// <param name="Cuts">Where a split by time divides; null for leave-one-out.</param>
/// <param name="ItemOrder">Where the items are those of an imported item table: what did not match.</param>
internal sealed record DatasetSummary(
    string Name, string Source, string Sha256, int Users, int Items, long Interactions, long LowRated, long Skipped, long Repeated, int TiedUsers,
    double MinRating, int KCore, TimeCuts? Cuts = null, ItemOrderSummary? ItemOrder = null)
{
    /// <summary>SHA-256 of all that a model's rows and figures depend on: item ids in row order, users, histories with times and weights, and the
    /// cuts. Results of other prepared data have another one.</summary>
    public required string Hash { get; init; }

    /// <summary>What <c>--data</c> named, in full.</summary>
    public string Place { get; init; } = "";

    /// <summary>The files there and elsewhere that the data was made of.</summary>
    public IReadOnlyList<SourceFile> Files { get; init; } = [];
    public ReadOptions Reading { get; init; } = new();
    public RecognizedFormat? Format { get; init; }

    /// <summary>Types of events and their weights; empty where the data has none.</summary>
    public IReadOnlyList<EventTypeCount> EventTypes { get; init; } = [];

    /// <summary>Rows of the files that cannot be read and were left out.</summary>
    public long BadRows { get; init; }

    /// <summary>Rows of events that say that an item was not liked; they were left out.</summary>
    public long Excluded { get; init; }

    /// <summary>The earliest time, in seconds since 1970; null where the data has no times.</summary>
    public long? From { get; init; }
    public long? Until { get; init; }

    /// <summary>Users with fewer than three interactions, who are neither validated nor tested.</summary>
    public int ShortUsers { get; init; }

    /// <summary>Items that nothing is known of but their id.</summary>
    public int Undescribed { get; init; }

    /// <summary>Exact copies of earlier rows of the file, which were dropped first of all.</summary>
    public int Duplicates { get; init; }

    /// <summary>Unit of the file's timestamps. The prepared times are seconds.</summary>
    public string TimeUnit { get; init; } = Data.TimeUnit.Seconds.Name;

    /// <summary>What else the user should know of the data, a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Interactions that came from the API and not from the file, before filters.</summary>
    public int Events { get; init; }

    /// <summary>Events that say that a movie was not liked; they were left out.</summary>
    public int Dislikes { get; init; }

    /// <inheritdoc cref="DatasetInfo.EventsRead"/>
    public DateTimeOffset? EventsRead { get; init; }

    /// <summary>Items that were taken out entirely; see <see cref="HeldOutItems"/>.</summary>
    public int NewItems { get; init; }

    /// <inheritdoc cref="PrepareOptions.Word"/>
    public ItemWord? Word { get; init; }

    /// <summary><see cref="DataSplit.Name"/> of what later steps use.</summary>
    public string Split => Cuts is null ? LeaveOneOut.SplitName : TimeSplit.SplitName;

    /// <summary>What makes the data less useful and can be counted, a sentence each.</summary>
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

/// <param name="WithoutInteractions">Rows of the table without any rating: they stay in the catalog, counted 0.</param>
/// <param name="UnknownItems">Rated items that the table has no row for.</param>
/// <param name="UnknownInteractions">Their ratings, which were left out: the model can neither read nor recommend them.</param>
internal sealed record ItemOrderSummary(int WithoutInteractions, int UnknownItems, long UnknownInteractions);

internal static class CatalogBuilder
{
    /// <param name="itemIds">[V]</param>
    /// <param name="counts">[V] interactions that train.</param>
    public static Catalog Build(IReadOnlyList<EntityId> itemIds, int[] counts, IReadOnlyList<CatalogItem> items)
    {
        var byId = new Dictionary<EntityId, CatalogItem>(items.Count);
        foreach (CatalogItem item in items)
        {
            byId.TryAdd(item.Id, item); // Of an item listed twice the first row counts.
        }

        var spellings = new HashSet<string>(StringComparer.OrdinalIgnoreCase); // of all items a genre is one genre, spelled as it was first
        return new Catalog([.. itemIds.Select((id, row) =>
        {
            CatalogItem item = byId.GetValueOrDefault(id) ?? new CatalogItem(row, id, "", [], 0);
            ItemText text = ItemText.Clean(item.Title, item.Categories, isFilm: false);
            return item with { Index = row, Id = id, Title = text.Title.Length > 0 ? text.Title : id.Text, Categories = [.. text.Genres.Select(Spell)], Count = counts[row] };
        })]);

        string Spell(string genre)
        {
            spellings.Add(genre);
            return spellings.TryGetValue(genre, out string? first) ? first : genre;
        }
    }
}
