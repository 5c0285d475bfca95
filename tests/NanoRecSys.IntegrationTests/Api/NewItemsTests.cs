using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.IntegrationTests.Fixtures;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Items that training has not seen, on what the real training, export and publish steps made of the sample.</summary>
public sealed class NewItemsTests(TrainedArtifacts trained)
{
    private static readonly CatalogItem ToyStory = Film.Of(0, 1, "Toy Story", 1995, ["Animation"], 0);
    private static readonly CatalogItem Cartoon = Film.Of(0, 9_000_001, "Another Toy Story", 1996, ["Animation", "Children", "Comedy"], 0);
    private static readonly CatalogItem Horror = Film.Of(0, 9_000_002, "The Cellar", 1978, ["Horror"], 0);

    [Fact]
    public async Task They_join_behind_the_trained_ones_and_what_is_known_already_is_left_out()
    {
        ModelSnapshot model = await LoadAsync();

        NewItems items = Place(model, ToyStory, Cartoon, Horror);

        Assert.Equal((model.Catalog.Count, 2), (items.FirstRow, items.Count));
        Assert.Equivalent(Cartoon with { Index = items.FirstRow }, items.At(items.FirstRow), strict: true);
        Assert.False(items.Holds(items.FirstRow - 1));
        Assert.False(items.Holds(items.FirstRow + 2));
    }

    [Fact]
    public async Task The_same_search_finds_them_and_leaves_out_what_was_seen()
    {
        ModelSnapshot model = await LoadAsync();
        NewItems items = Place(model, Cartoon, Horror);
        float[] user = items.EmbeddingOf(items.FirstRow).ToArray(); // as if the user wanted just that
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
        NewItems items = Place(model, Cartoon, Horror);
        float[] user = items.EmbeddingOf(items.FirstRow).ToArray();
        Candidate[] candidates = [new(0, 0.2f), new(items.FirstRow, 0.9f), new(items.FirstRow + 1, -0.5f)];

        Candidate[] ranked = Recommender.Rank(model, user, new History([0, 1, items.FirstRow]), candidates, items);

        Assert.Equal(3, ranked.Length);
        Assert.All(ranked, candidate => Assert.InRange(candidate.Score, 0f, 1f));
        Assert.Equal(ranked.OrderByDescending(candidate => candidate.Score), ranked);
        Assert.NotEqual(ranked.Single(c => c.Row == items.FirstRow).Score, ranked.Single(c => c.Row == items.FirstRow + 1).Score);
    }

    [Fact]
    public async Task One_by_one_part_by_part_or_at_once_they_are_the_same()
    {
        AddedItem[] added = [.. Enumerable.Range(0, 5000).Select(i => new AddedItem(
            Film.Of(0, 9_000_000 + i, $"Film {i} of the Night", 1950 + i % 70, i % 3 == 0 ? ["Drama"] : ["Horror", "Comedy"], 0), [], Added: i, Hash: 1000 + i))];
        AddedList all = AddedList.Of(added);
        ModelSnapshot model = await LoadAsync();
        NewItems once = NewItems.None(model);
        while (once.Count < added.Length)
        {
            once = once.Add(model, all);
        }

        AddedList growing = AddedList.Empty;
        NewItems grown = NewItems.None(model);
        foreach (AddedItem item in added)
        {
            growing = growing.Append(item);
            grown = grown.Add(model, growing);
        }

        ModelSnapshot background = await LoadAsync();
        await ApiServer.UntilAsync("all are placed", () => Task.FromResult(background.Extend(all).Count == added.Length));
        var nearest = new Candidate[50];
        foreach (NewItems items in new[] { grown, background.Extend(all) })
        {
            Assert.Equal((once.Count, once.Hash), (items.Count, items.Hash));
            float[] user = once.EmbeddingOf(once.FirstRow + 4999).ToArray();
            int found = items.Index.Search(user, RowFilter.None, nearest);
            Candidate[] actual = nearest[..found];
            Assert.Equal(actual.Length, once.Index.Search(user, RowFilter.None, nearest));
            Assert.Equal(nearest, actual);
            Assert.True(items.TryFind(9_001_500, out int row));
            Assert.Equal(9_001_500, items.At(row).Id.Number());
        }
    }

    [Fact]
    public async Task An_earlier_catalogue_does_not_see_what_was_added_since()
    {
        ModelSnapshot model = await LoadAsync();
        AddedList first = AddedList.Of([new AddedItem(Cartoon, [], Added: 1, Hash: 1)]);
        NewItems before = model.Extend(first);

        NewItems after = model.Extend(first.Append(new AddedItem(Horror, [], Added: 2, Hash: 2)));

        Assert.Equal((1, 2), (before.Count, after.Count));
        Assert.False(before.TryFind(Horror.Id, out _));
        Assert.True(after.TryFind(Horror.Id, out _));
        Assert.Equal(before.Index.Count + 1, after.Index.Count);
        Assert.NotEqual(before.Hash, after.Hash);
    }

    private static NewItems Place(ModelSnapshot model, params CatalogItem[] items) =>
        model.Extend(AddedList.Of([.. items.Select((item, i) => new AddedItem(item, [], Added: i, Hash: i))]));

    private async Task<ModelSnapshot> LoadAsync()
    {
        ArtifactStore store = await trained.StoreAsync();
        return await new ModelLoader(store, Options.Create(new ModelsOptions()), Options.Create(new IndexEngineOptions()), NullLogger<ModelLoader>.Instance)
            .LoadAsync((await trained.VersionAsync()).Manifest.ModelVersion, TestContext.Current.CancellationToken);
    }
}
