using System.Numerics.Tensors;
using NanoRecSys.Core.Events;

namespace NanoRecSys.Training.Data;

/// <summary>Turns interactions and items into <c>histories.bin</c>, <c>catalog.parquet</c> and <c>dataset.json</c>, which the other steps read.</summary>
/// <remarks>By default every interaction is kept as a positive, even a second one of a user with the same item at another time: the
/// histories record what happened. Only exact copies of a row are dropped.</remarks>
internal static class PrepareStep
{
    /// <summary>Share of the step's progress for a download.</summary>
    internal const double DownloadShare = 0.8;

    public static async Task<DatasetSummary> RunAsync(PrepareOptions options, StepContext context)
    {
        Preparation prepared = await ReadAsync(options, context);
        await prepared.WriteAsync(context);
        context.Progress.Report(new ProgressEvent { Fraction = 1 });
        return prepared.Summary;
    }

    public static async Task<Preparation> ReadAsync(PrepareOptions options, StepContext context)
    {
        using OpenedData source = await DatasetSource.OpenAsync(options, context);
        double start = source.WasDownloaded ? DownloadShare : 0;
        var notes = new List<string>();
        ReadData data = await ReadData.ReadAsync(
            source, options.Reading, notes, share => context.Progress.Report(new ProgressEvent { Fraction = start + (1 - start) * 0.6 * share }), context.Cancellation);
        return await PrepareAsync(source, data, options, notes, context);
    }

    public static async Task<Preparation> PrepareAsync(OpenedData source, ReadData data, PrepareOptions options, List<string> notes, StepContext context)
    {
        double start = source.WasDownloaded ? DownloadShare : 0;
        void Report(double share, string? message = null) =>
            context.Progress.Report(new ProgressEvent { Fraction = start + (1 - start) * share, Message = message });
        (InteractionTable read, TimeUnit unit) = (data.Interactions, data.Unit);
        UserErrorException.ThrowIf(options.Split == SplitKind.Time && data.Form == TimeForm.None,
            $"--split time needs times, but the data has no time column. Name it with --columns time=COLUMN, or use --split leave-one-out.");

        LiveEvents events = options.Events is null ? LiveEvents.None
            : await LiveEvents.ReadAsync(options.Events, new EventArchive(context.Workspace.Store.Root), context.Cancellation);
        if (events.Damaged > 0)
        {
            notes.Add($"{events.Damaged:N0} events or added movies in Redis cannot be read and were left out.");
        }

        read = Without(events.Forgotten, read);
        read.AddRange(events.Interactions, unit); // after the file's, so that its items keep their rows
        InteractionTable liked = options.MinRating > 0 ? read.Where(row => read.Ratings[row] >= options.MinRating) : read;
        InteractionTable known = options.ItemOrder is { } order ? FixedItems.Keep(liked, order) : liked;
        InteractionTable filtered = KCore.Filter(known, options.KCore);
        IReadOnlyList<CatalogItem> items = [.. data.Items, .. events.Movies];
        (InteractionTable kept, HeldOutItems? heldOut) = options.NewItems > 0 && filtered.Count > 0
            ? HeldOutItems.Draw(filtered, options.NewItems, new Random(unchecked((int)context.Seed)), items)
            : (filtered, null);
        if (kept.Count == 0)
        {
            throw new UserErrorException(liked.Count == 0
                ? $"No interaction has a rating of {options.MinRating} or more. Lower --min-rating."
                : $"No interaction is left after --k-core {options.KCore}. Use a smaller number.");
        }

        (InteractionTable rows, EntityId[] itemIds) = ItemRows.Assign(kept, options.ItemOrder);
        Report(0.7, $"{kept.Count:N0} interactions of {itemIds.Length:N0} items");
        (InteractionTable sorted, int tiedUsers) = UserOrder.Sort(rows);
        UserHistories histories = sorted.ToHistories(unit);
        TimeCuts? cuts = options.Cuts ?? (options.Split == SplitKind.Time ? TimeCuts.At(histories, options.HeldOutShare) : null);
        var split = DataSplit.Of(histories, cuts);
        long repeated = CountRepeats(histories, itemIds.Length);
        DataChecks.DescribeHeldOut(split, repeated, isEvaluated: options.ItemOrder is null, notes); // imported weights can be served without it
        IReadOnlyList<SourceFile> files = await source.SourcesAsync(context.Cancellation);
        string from = source.Source;
        var summary = new DatasetSummary(
            context.Workspace.Dataset, from, source.HashOf(files),
            histories.UserCount, itemIds.Length, kept.Count, read.Count - liked.Count, known.Count - filtered.Count,
            repeated, tiedUsers, options.MinRating, options.KCore, cuts,
            options.ItemOrder is null ? null : FixedItems.Compare(options.ItemOrder, liked, known, kept))
        {
            Word = options.Word,
            Hash = PreparedData.HashOf(IdTable.Of(itemIds), histories, cuts),
            Place = source.Place.Path,
            Files = files,
            Reading = options.Reading,
            Format = data.Format,
            EventTypes = data.EventTypes,
            BadRows = data.Bad,
            From = data.Form == TimeForm.None ? null : TensorPrimitives.Min(histories.Times),
            Until = data.Form == TimeForm.None ? null : histories.LastTime,
            ShortUsers = Enumerable.Range(0, histories.UserCount).Count(user => histories.At(user).Length < 3),
            Undescribed = itemIds.Except(items.Select(item => item.Id)).Count(),
            Excluded = data.Excluded,
            Duplicates = data.Repeats,
            TimeUnit = unit.Name,
            Notes = [.. notes],
            Events = events.Interactions.Count,
            Dislikes = events.Dislikes,
            EventsRead = events.Read,
            NewItems = heldOut?.Items.Count ?? 0,
        };
        if (FormerSource(context) is { } former && former != from)
        {
            notes.Add($"The prepared data of this name came from {former} and is replaced.");
        }

        foreach (string note in notes)
        {
            Report(0.8, note);
        }

        Report(0.8);
        return new Preparation(summary, CatalogBuilder.Build(itemIds, PreparedData.CountTrain(split, itemIds.Length), items), histories, heldOut);
    }

    private static string? FormerSource(StepContext context)
    {
        try
        {
            return PreparedData.ReadSummary(context.Workspace.DataFolder)?.Source;
        }
        catch (UserErrorException)
        {
            return null; // damaged: it is prepared again anyway
        }
    }

    private static InteractionTable Without(IReadOnlySet<EntityId> users, InteractionTable interactions)
    {
        HashSet<int> codes = [.. users.Where(user => interactions.UserIds.TryFind(user, out _)).Select(interactions.UserIds.CodeOf)];
        return codes.Count == 0 ? interactions : interactions.Where(row => !codes.Contains(interactions.Users[row]));
    }

    private static long CountRepeats(UserHistories histories, int items)
    {
        long repeats = 0;
        int[] lastUser = new int[items]; // last user with the item, 1-based: needs no clearing between users
        for (int user = 0; user < histories.UserCount; user++)
        {
            foreach (int item in histories.At(user))
            {
                repeats += lastUser[item] == user + 1 ? 1 : 0;
                lastUser[item] = user + 1;
            }
        }

        return repeats;
    }
}

internal sealed record Preparation(DatasetSummary Summary, Catalog Catalog, UserHistories Histories, HeldOutItems? HeldOut)
{
    public Task WriteAsync(StepContext context) =>
        AtomicFolder.WriteAsync(context.Workspace.DataFolder, async folder =>
        {
            HistoriesFile.Write(folder, Histories);
            await CatalogFile.WriteAsync(Path.Combine(folder, PreparedData.CatalogName), Catalog, context.Cancellation);
            TrainingJson.Write(Path.Combine(folder, PreparedData.SummaryName), Summary);
            HeldOut?.Write(folder);
        });
}

internal sealed record PrepareOptions
{
    public string Data { get; init; } = TrainingNames.Sample;
    public ReadOptions Reading { get; init; } = new();

    /// <summary>Interactions with a lower rating are dropped first; 0 keeps every interaction as a positive.</summary>
    public double MinRating { get; init; }

    /// <summary>Minimum interactions per user and item; 0 keeps all.</summary>
    public int KCore { get; init; }

    /// <summary>Share of the items to remove from the data as if they did not exist yet; see <see cref="HeldOutItems"/>.</summary>
    public double NewItems { get; init; }
    public SplitKind Split { get; init; } = SplitKind.LeaveOneOut;

    /// <summary>Share of the latest interactions that <see cref="SplitKind.Time"/> holds out, half for validation and half for test.</summary>
    public double HeldOutShare { get; init; } = 0.1;

    /// <summary>Cuts of an earlier preparation; if set, they override the share.</summary>
    public TimeCuts? Cuts { get; init; }

    /// <summary>[V] ids in the order of an imported item table: they become the catalog's rows, and interactions with other items
    /// are left out. Null: all items, in order of first appearance.</summary>
    public IReadOnlyList<EntityId>? ItemOrder { get; init; }

    /// <summary>Redis of the API, whose events are added to the data; see <see cref="LiveEvents.ReadAsync(string, EventArchive, CancellationToken)"/>. Null for none.</summary>
    public string? Events { get; init; }

    /// <summary>Word for an item; null for the default.</summary>
    public ItemWord? Word { get; init; }

    /// <summary>Where known data sets are downloaded from; tests set their own server.</summary>
    public Uri DownloadFrom { get; init; } = DatasetSource.GroupLens;
}
