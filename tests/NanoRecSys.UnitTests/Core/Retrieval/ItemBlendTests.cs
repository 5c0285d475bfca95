using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class ItemBlendTests : FolderTests
{
    [Fact]
    public void Scores_are_put_on_the_scale_of_their_root_mean_square_and_added_to_the_cosines()
    {
        // Item 0 lists item 1 with 3 and item 2 with 4: the root mean square over four items is sqrt(25 / 4).
        using var blend = new ItemBlend([ItemLists.Of([[new(1, 3), new(2, 4)], [], [], []], decay: 1)], [0.5]);
        float[] scores = [0.1f, 0.2f, 0.3f, 0.4f];

        blend.AddToAll([0], scores);

        Assert.Equal([0.1f, 0.2f + (0.5f * 3 / 2.5f), 0.3f + (0.5f * 4 / 2.5f), 0.4f], scores);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(40)]
    [InlineData(300)]
    public void A_search_finds_what_a_sort_of_all_scores_finds(int k)
    {
        const int Items = 200, Dimension = 8;
        var random = new Random(k);
        float[] vectors = [.. Enumerable.Range(0, Items * Dimension).Select(_ => random.NextSingle() - 0.5f)];
        var index = new FlatIndex(vectors, Dimension);
        using var blend = new ItemBlend([Lists(Items, random, 0.7), Lists(Items, random, 0.9)], [0.05, 0.1]);
        for (int user = 0; user < 20; user++)
        {
            float[] query = [.. Enumerable.Range(0, Dimension).Select(_ => random.NextSingle() - 0.5f)];
            int[] history = [.. Enumerable.Range(0, 1 + user).Select(_ => random.Next(Items))];
            RowSet seen = RowSets.Of(Items, history);
            var filter = new RowFilter(seen);
            var nearest = new Candidate[k];
            var found = new Candidate[k];

            int count = blend.Search(history, query, vectors, filter, nearest.AsSpan(0, index.Search(query, filter, nearest)), found);

            float[] scores = [.. Enumerable.Range(0, Items).Select(row => Enumerable.Range(0, Dimension).Sum(d => query[d] * vectors[row * Dimension + d]))];
            blend.AddToAll(history, scores);
            int[] expected = [.. Enumerable.Range(0, Items).Where(row => !seen.Contains(row)).OrderByDescending(row => scores[row]).Take(k)];
            Assert.Equal(expected, found[..count].Select(candidate => candidate.Row));
            Assert.All(found[..count], candidate => Assert.Equal(scores[candidate.Row], candidate.Score, 4));
        }
    }

    [Fact]
    public void A_new_item_keeps_its_place_among_the_nearest()
    {
        using var blend = new ItemBlend([ItemLists.Of([[new(1, 3), new(2, 4)], [], []], decay: 1)], [0.5]);
        Candidate[] nearest = [new(0, 0.9f), new(3, 0.8f), new(2, 0.5f)]; // item 3 is new
        var best = new Candidate[3];

        int found = blend.Search([0], [1], [0.9f, 0.1f, 0.5f], RowFilter.None, nearest, best);

        Assert.Equal([2, 0, 3], best[..found].Select(candidate => candidate.Row));
        Assert.Equal(best[1].Score, best[2].Score);
    }

    [Fact]
    public void A_second_request_sees_nothing_of_the_first()
    {
        using var blend = new ItemBlend([ItemLists.Of([[new(1, 3)], [], [new(0, 1)]], decay: 0.5)], [1]);
        float[] first = new float[3], again = new float[3];
        blend.AddToAll([0], first);
        blend.AddToAll([2], new float[3]);
        blend.AddToAll([0], again);

        Assert.Equal(first, again);
    }

    [Fact]
    public void Lists_are_read_from_their_file_as_they_were_written()
    {
        ItemLists lists = ItemLists.Of([[new(2, 0.5f), new(1, 0.25f)], [new(0, 1)], []], decay: 0.5);
        lists.Write(Folder.File("lists.npy"));

        using ItemLists mapped = ItemLists.Map(Folder.File("lists.npy"), decay: 0.5);

        Assert.Equal([2, 0.5f, 1, 0.25f, 0, 1, -1, -1, -1, -1, -1, -1], mapped.Pairs.ToArray());
    }

    [Theory]
    [InlineData(3, 0.5f)] // an item that does not exist
    [InlineData(0.5f, 0.5f)]
    [InlineData(1, 0)]
    [InlineData(1, float.NaN)]
    public void Lists_of_unknown_items_or_without_scores_are_refused(float row, float score)
    {
        NpyFile.Write(Folder.File("lists.npy"), [row, score, -1, -1, -1, -1], columns: 2);

        Assert.Refused<InvalidDataException>(() => ItemLists.Map(Folder.File("lists.npy"), decay: 0.5), "item 0 lists item");
    }

    private static ItemLists Lists(int items, Random random, double decay) => ItemLists.Of(
        [.. Enumerable.Range(0, items).Select(_ => Enumerable.Range(0, 10).Select(_ => random.Next(items)).Distinct()
            .Select(row => new Candidate(row, random.NextSingle() + 0.01f)).ToArray())],
        decay);
}
