namespace NanoRecSys.UnitTests.Training.Ranking;

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
