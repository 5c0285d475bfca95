using System.Numerics.Tensors;
using NanoRecSys.Core.Events;

namespace NanoRecSys.Training.Data;

/// <summary>Ratings and movies in; <c>histories.bin</c>, <c>catalog.parquet</c> and <c>dataset.json</c>, which the other steps read, out.</summary>
/// <remarks>By default every interaction is kept and is positive, also a second one of the same user with the same item at another time: the
/// histories are what happened. Only exact copies of a row are dropped.</remarks>
internal static class PrepareStep
{
    /// <summary>Share of the step that a download is counted as.</summary>
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
            $"--split time needs times, and the data has no column of them. Name it with --columns time=COLUMN, or use --split leave-one-out.");

        LiveEvents events = options.Events is null ? LiveEvents.None
            : await LiveEvents.ReadAsync(options.Events, new EventArchive(context.Workspace.Store.Root), context.Cancellation);
        if (events.Damaged > 0)
        {
            notes.Add($"{events.Damaged:N0} events or added movies in Redis cannot be read and were left out.");
        }

        read = Without(events.Forgotten, read);
        read.AddRange(events.Interactions, unit); // behind the file's, so that its items keep their rows
        InteractionTable liked = RatedAtLeast(read, options.MinRating);
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
        DataChecks.DescribeHeldOut(split, repeated, isEvaluated: options.ItemOrder is null, notes); // imported weights are served without
        IReadOnlyList<SourceFile> files = await source.SourcesAsync(context.Cancellation);
        string from = source.Source;
        var summary = new DatasetSummary(
            context.Workspace.Dataset, from, source.HashOf(files),
            histories.UserCount, itemIds.Length, kept.Count, read.Count - liked.Count, known.Count - filtered.Count,
            repeated, tiedUsers, options.MinRating, options.KCore, cuts,
            options.ItemOrder is null ? null : FixedItems.Compare(options.ItemOrder, liked, kept))
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
            return null; // damaged: preparing again is the remedy
        }
    }

    private static InteractionTable Without(IReadOnlySet<EntityId> users, InteractionTable interactions)
    {
        HashSet<int> codes = [.. users.Where(user => interactions.UserIds.TryFind(user, out _)).Select(interactions.UserIds.CodeOf)];
        return codes.Count == 0 ? interactions
            : interactions.Take([.. Enumerable.Range(0, interactions.Count).Where(row => !codes.Contains(interactions[row].User))]);
    }

    private static InteractionTable RatedAtLeast(InteractionTable interactions, double rating)
    {
        if (rating <= 0)
        {
            return interactions;
        }

        var kept = new List<int>(interactions.Count);
        for (int i = 0; i < interactions.Count; i++)
        {
            if (interactions.Ratings[i] >= rating)
            {
                kept.Add(i);
            }
        }

        return interactions.Take([.. kept]);
    }

    private static long CountRepeats(UserHistories histories, int items)
    {
        long repeats = 0;
        int[] lastUser = new int[items]; // last user with the item, counted from 1: needs no clearing between users
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
    public string Data { get; init; } = DatasetSource.Small;
    public ReadOptions Reading { get; init; } = new();

    /// <summary>Interactions rated lower are dropped before anything else; 0 takes every interaction as a positive.</summary>
    public double MinRating { get; init; }

    /// <summary>Least interactions of each user and item; 0 keeps all.</summary>
    public int KCore { get; init; }

    /// <summary>Share of the items that are taken out of the data as if they had not been released; see <see cref="HeldOutItems"/>.</summary>
    public double NewItems { get; init; }
    public SplitKind Split { get; init; } = SplitKind.LeaveOneOut;

    /// <summary>Share of the interactions, the latest, that <see cref="SplitKind.Time"/> holds out, half for each part.</summary>
    public double HeldOutShare { get; init; } = 0.1;

    /// <summary>Moments of an earlier preparation to divide at; they decide alone, where they are given.</summary>
    public TimeCuts? Cuts { get; init; }

    /// <summary>[V] ids in the order of an item table that was trained elsewhere: they become the catalog's rows, and interactions with other items
    /// are left out. Null: all items, in order of first appearance.</summary>
    public IReadOnlyList<EntityId>? ItemOrder { get; init; }

    /// <summary>Redis of the API, whose events are added to the ratings; see <see cref="LiveEvents.ReadAsync(string, EventArchive, CancellationToken)"/>. Null for none.</summary>
    public string? Events { get; init; }

    /// <summary>What the data calls an item; null for the usual word.</summary>
    public ItemWord? Word { get; init; }

    /// <summary>Where named sets are downloaded from; tests put their own server here.</summary>
    public Uri DownloadFrom { get; init; } = DatasetSource.GroupLens;
}
