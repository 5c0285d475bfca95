using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Items;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Serving;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Items that training has not seen, with the result of the real training, export and publish steps on the sample.</summary>
public sealed class NewItemsTests(TrainedArtifacts trained)
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch;
    private static readonly ItemRecord Cartoon = Record(9_000_001, "Another Toy Story", 1996, "Animation", "Children", "Comedy");
    private static readonly ItemRecord Horror = Record(9_000_002, "The Cellar", 1978, "Horror");

    [Fact]
    public async Task New_items_follow_the_trained_ones_and_known_items_are_changed_in_place()
    {
        ModelSnapshot model = await LoadAsync();

        ServedCatalog items = Place(model, Record(1, "Toy Story, renamed", 1995), Cartoon, Horror);

        Assert.Equal((model.Catalog.Count, model.Catalog.Count + 2), (items.FirstRow, items.Count));
        Assert.Equivalent(Cartoon.Apply() with { Index = items.FirstRow }, items.ItemAt(items.FirstRow), strict: true);
        Assert.True(items.TryFind(1, out int row));
        Assert.Equal(("Toy Story, renamed", model.Catalog.Items[row].Count), (items.ItemAt(row).Title, items.ItemAt(row).Count));
    }

    [Fact]
    public async Task The_same_search_finds_them_and_excludes_seen_items()
    {
        ModelSnapshot model = await LoadAsync();
        ServedCatalog items = Place(model, Cartoon, Horror);
        float[] user = items.EmbeddingOf(items.FirstRow).ToArray(); // a user who matches the item exactly
        var seen = new RowSet(items.Index.Count);
        seen.Add(items.FirstRow);
        var nearest = new Candidate[1];

        items.Index.Search(user, RowFilter.None, nearest);
        Candidate before = nearest[0];
        items.Index.Search(user, new RowFilter(seen), nearest);

        Assert.Equal(model.Index.Count + 2, items.Index.Count);
        Assert.Equal(items.FirstRow, before.Row);
        Assert.Equal(1, before.Score, 1e-5f);
        Assert.NotEqual(items.FirstRow, nearest[0].Row);
    }

    [Fact]
    public async Task They_are_ranked_in_one_list_with_the_trained_ones()
    {
        ModelSnapshot model = await LoadAsync();
        ServedCatalog items = Place(model, Cartoon, Horror);
        float[] user = items.EmbeddingOf(items.FirstRow).ToArray();
        Candidate[] candidates = [new(0, 0.2f), new(items.FirstRow, 0.9f), new(items.FirstRow + 1, -0.5f)];
        var history = new History([0, 1, items.FirstRow]);

        Candidate[] ranked = Recommender.Rank(items, user, history, candidates, ListRules.Of(items, new RecommendationRequest { UserId = 1, K = 10 }));

        Assert.Equal(3, ranked.Length);
        Assert.All(ranked, candidate => Assert.InRange(candidate.Score, 0f, 1f));
        Assert.Equal(ranked.OrderByDescending(candidate => candidate.Score), ranked);
        Assert.NotEqual(ranked.Single(c => c.Row == items.FirstRow).Score, ranked.Single(c => c.Row == items.FirstRow + 1).Score);
    }

    [Fact]
    public async Task Added_one_by_one_in_parts_or_at_once_they_are_the_same()
    {
        StoredItem[] added = [.. Enumerable.Range(0, 5000).Select(i => Stored(
            Record(9_000_000 + i, $"Film {i} of the Night", 1950 + i % 70, i % 3 == 0 ? ["Drama"] : ["Horror", "Comedy"]), 1000 + i))];
        ItemLog all = ItemLog.Of(added);
        ModelSnapshot background = await LoadAsync();
        await ApiServer.UntilAsync("all items are placed", () => Task.FromResult(background.Extend(all, Now).Count == background.Catalog.Count + added.Length));

        ItemLog growing = ItemLog.Empty;
        ModelSnapshot model = await LoadAsync();
        foreach (StoredItem item in added)
        {
            growing = growing.Append(item);
            model.Extend(growing, Now);
        }

        (ServedCatalog grown, ServedCatalog placed) = (model.Extend(growing, Now), background.Extend(all, Now));
        Assert.Equal((placed.Count, placed.Hash), (grown.Count, grown.Hash));
        float[] user = grown.EmbeddingOf(grown.FirstRow + 4999).ToArray();
        (Candidate[] expected, Candidate[] nearest) = (new Candidate[50], new Candidate[50]);
        Assert.Equal(grown.Index.Search(user, RowFilter.None, expected), placed.Index.Search(user, RowFilter.None, nearest));
        Assert.Equal(expected, nearest);
        Assert.True(placed.TryFind(9_001_500, out int row));
        Assert.Equal(9_001_500, placed.ItemAt(row).Id.Number());
    }

    [Fact]
    public async Task An_earlier_snapshot_does_not_contain_later_additions()
    {
        ModelSnapshot model = await LoadAsync();
        ItemLog first = ItemLog.Of([Stored(Cartoon, 1)]);
        ServedCatalog before = model.Extend(first, Now);

        ServedCatalog after = model.Extend(first.Append(Stored(Horror, 2)), Now);

        Assert.Equal(before.Count + 1, after.Count);
        Assert.False(before.TryFind(Horror.ItemId, out _));
        Assert.True(after.TryFind(Horror.ItemId, out _));
        Assert.NotEqual(before.Hash, after.Hash);
    }

    [Fact]
    public async Task An_item_whose_price_changes_keeps_its_row_and_one_with_another_title_is_placed_anew()
    {
        ModelSnapshot model = await LoadAsync();
        ItemLog log = ItemLog.Of([Stored(Cartoon, 1)]);
        ServedCatalog first = model.Extend(log, Now);

        ServedCatalog hidden = model.Extend(log = log.Append(Stored(Cartoon with { Hidden = true }, 1 ^ 3)), Now);
        ServedCatalog renamed = model.Extend(log = log.Append(Stored(Cartoon with { Title = "The Night of Horror" }, 3 ^ 4)), Now);
        Assert.True(renamed.TryFind(Cartoon.ItemId, out int row));
        ServedCatalog removed = model.Extend(log.Append(new StoredItem(Cartoon.ItemId, null, [], 4)), Now);

        Assert.Null(first.Availability.Unavailable);
        Assert.Equal((first.Count, true), (hidden.Count, hidden.Availability.Unavailable!.Contains(hidden.FirstRow)));
        Assert.Equal((first.FirstRow + 1, "The Night of Horror"), (row, renamed.ItemAt(row).Title));
        Assert.Equal((true, false), (renamed.Availability.Unavailable!.Contains(first.FirstRow), renamed.Availability.Unavailable.Contains(row)));
        Assert.False(removed.TryFind(Cartoon.ItemId, out _));
        Assert.Equal((1L, 3L, 4L, 0L), (first.Hash, hidden.Hash, renamed.Hash, removed.Hash));
    }

    [Fact]
    public async Task A_restarted_log_removes_the_items_that_it_lacks()
    {
        ModelSnapshot model = await LoadAsync();
        model.Extend(ItemLog.Of([Stored(Cartoon, 1), Stored(Record(1, "Renamed", 1995), 2), Stored(new ItemRecord(2, 1) { Deleted = true }, 4)]), Now);

        ServedCatalog after = model.Extend(ItemLog.Of([Stored(Horror, 8)]), Now);

        Assert.Equal((false, true, true), (after.TryFind(Cartoon.ItemId, out _), after.TryFind(Horror.ItemId, out _), after.TryFind(2, out _)));
        Assert.True(after.TryFind(1, out int row));
        Assert.Equal((model.Catalog.Items[row].Title, 8L), (after.ItemAt(row).Title, after.Hash));
    }

    [Fact]
    public async Task An_item_appears_and_disappears_at_its_times()
    {
        ModelSnapshot model = await LoadAsync();
        ItemLog log = ItemLog.Of([Stored(new ItemRecord(1, 1) { AvailableFrom = Now.AddHours(1), AvailableUntil = Now.AddHours(2) }, 1)]);
        Availability At(double hours) => model.Extend(log, Now.AddHours(hours)).Availability;

        (Availability before, Availability during, Availability after) = (At(0.5), At(1), At(2));

        Assert.True(model.Catalog.TryFind(1, out int row));
        Assert.Equal((true, true), (before.Unavailable!.Contains(row), after.Unavailable!.Contains(row)));
        Assert.Null(during.Unavailable);
        Assert.Equal((Now.AddHours(1), Now.AddHours(2), DateTimeOffset.MaxValue), (before.Until, during.Until, after.Until));
        Assert.Distinct([before.Since, during.Since, after.Since]);
    }

    private static ServedCatalog Place(ModelSnapshot model, params ItemRecord[] items) => model.Extend(ItemLog.Of([.. items.Select((item, i) => Stored(item, i))]), Now);

    private static StoredItem Stored(ItemRecord record, long hash) => new(record.ItemId, record, [], hash);

    private static ItemRecord Record(long id, string title, int year, params string[] categories) =>
        new(id, id) { Title = title, Categories = categories, Attributes = ItemAttributes.OfYear(year) };

    private async Task<ModelSnapshot> LoadAsync()
    {
        ArtifactStore store = await trained.StoreAsync();
        return await new ModelLoader(store, Options.Create(new ModelsOptions()), Options.Create(new IndexEngineOptions()), NullLogger<ModelLoader>.Instance)
            .LoadAsync((await trained.VersionAsync()).Manifest.ModelVersion, TestContext.Current.CancellationToken);
    }
}
