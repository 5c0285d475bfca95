using NanoRecSys.Training.Ranking;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Ranking;

[Collection(SeededTorch.Name)]
public sealed class ContentMapFitTests
{
    [Fact]
    public void Unseen_items_are_placed_near_those_of_their_genre()
    {
        // Comedies point along the first axis, dramas along the second.
        ContentMapFit fit = Fit(row => row % 2 == 0 ? [1, 0] : [0, 1]);

        Assert.InRange(fit.HeldOutCosine, 0.95, 1.0001);
        Assert.InRange(fit.Map.Embed(Film.Of(0, 0, "New", 1995, ["Comedy"], 0))[0], 0.95f, 1.0001f);
        Assert.InRange(fit.Map.Embed(Film.Of(0, 0, "New", 1995, ["Drama"], 0))[1], 0.95f, 1.0001f);
    }

    [Fact]
    public void Embeddings_that_content_does_not_explain_have_no_fit()
    {
        var random = new Random(1);

        ContentMapFit fit = Fit(_ => random.NextDouble() < 0.5 ? [1, 0] : [-1, 0]);

        Assert.InRange(fit.HeldOutCosine, -0.3, 0.3);
    }

    [Fact]
    public void A_rare_items_embedding_counts_little()
    {
        // Three comedies in four have no interactions, and a noise embedding.
        ContentMapFit fit = Fit(row => row % 8 == 0 ? [1, 0] : row % 2 == 0 ? [-1, 0] : [0, 1], row => row % 8 == 0 ? 1000 : row % 2 == 0 ? 0 : 1000);

        Assert.True(fit.Map.Embed(Film.Of(0, 0, "New", 1995, ["Comedy"], 0))[0] > 0.9f);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_catalog_of_fewer_items_than_folds_has_a_map(int items)
    {
        ContentMapFit fit = Fit(row => row % 2 == 0 ? [1, 0] : [0, 1], items: items);

        Assert.True(double.IsFinite(fit.HeldOutCosine));
        Assert.All(fit.Map.Embed(Film.Of(0, 0, "New", 1995, ["Comedy"], 0)), value => Assert.True(float.IsFinite(value)));
    }

    private static ContentMapFit Fit(Func<int, float[]> embedding, Func<int, int>? count = null, int items = 200)
    {
        var catalog = new Catalog([.. Enumerable.Range(0, items).Select(row => Film.Of(row, row, $"Title {row}", 1995, [row % 2 == 0 ? "Comedy" : "Drama"], 0))]);
        float[] values = [.. Enumerable.Range(0, items).SelectMany(embedding)];
        using Tensor embeddings = tensor(values, [items, 2]);
        return ContentMapFit.Make(catalog, [.. Enumerable.Range(0, items).Select(count ?? (_ => 1000))], embeddings);
    }
}

[Collection(SeededTorch.Name)]
public sealed class HeldOutItemsRankingTests : FolderTests
{
    [Fact]
    public async Task New_films_of_a_users_genre_come_before_those_of_the_other()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a", newItems: 0.3);
        await TwoTastes.TrainRankerAsync(context);

        EvaluationReport report = await EvaluateStep.RunAsync(new EvaluateOptions { Models = [EvaluatedModels.HeldOutItems] }, context);

        HeldOutItemsReport found = report.HeldOutItems!;
        Assert.Equal((28, 12), (found.KnownItems, found.NewItems));
        Assert.Equal(["random order", "content map", "content map and ranker"], found.Results.Select(result => result.Model));
        Assert.Equal(10.0 / 12, found.Results[0].AmongNew["hr@10"], 1e-9);

        // Films of a genre differ only in their number, so a target ties with its own genre, about six of the twelve, and
        // ties count ahead of it: it is among the first ten only if the other genre ranks behind.
        Assert.Equal(1, found.Results[2].AmongNew["hr@10"]);
        using JsonDocument line = JsonDocument.Parse(EvaluationJson.Line(report));
        Assert.Equal(12, line.RootElement.GetProperty("new_items").GetInt32());
        Assert.True(line.RootElement.GetProperty("content_map").GetProperty("among_new").GetProperty("hr@10").GetDouble() > 0);
    }
}
