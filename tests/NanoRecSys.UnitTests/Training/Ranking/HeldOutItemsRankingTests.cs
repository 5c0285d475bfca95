using NanoRecSys.Core.Features;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Ranking;

[Collection(SeededTorch.Name)]
public sealed class HeldOutItemsRankingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task New_films_of_a_users_genre_come_before_those_of_the_other()
    {
        StepContext context = await TwoTastes.PrepareAsync(_folder, "a", newItems: 0.3);
        await MineAndTrainAsync(context);

        EvaluationReport report = await EvaluateStep.RunAsync(new EvaluateOptions { Models = [EvaluatedModels.HeldOutItems] }, context);

        HeldOutItemsReport found = report.HeldOutItems!;
        Assert.Equal((28, 12), (found.KnownItems, found.NewItems));
        Assert.Equal(["random order", "content map", "content map and ranker"], found.Results.Select(result => result.Model));
        Assert.Equal(10.0 / 12, found.Results[0].AmongNew["hr@10"], 1e-9);

        // Films of a genre are all alike but for their number, so a target ties with its own genre, six of the twelve or so,
        // and ties count ahead of it: among the first ten it is only where the other genre comes behind.
        Assert.Equal(1, found.Results[2].AmongNew["hr@10"]);
    }

    [Fact]
    public async Task The_line_for_programs_names_every_way()
    {
        StepContext context = await TwoTastes.PrepareAsync(_folder, "a", newItems: 0.3);

        EvaluationReport report = await EvaluateStep.RunAsync(new EvaluateOptions { Models = [EvaluatedModels.HeldOutItems] }, context);

        using JsonDocument line = JsonDocument.Parse(EvaluationJson.Line(report));
        Assert.Equal(12, line.RootElement.GetProperty("new_items").GetInt32());
        Assert.True(line.RootElement.GetProperty("content_map").GetProperty("among_new").GetProperty("hr@10").GetDouble() > 0);
    }

    [Fact]
    public async Task What_a_permuted_feature_costs_is_not_saved_beside_real_figures()
    {
        StepContext context = await TwoTastes.PrepareAsync(_folder, "a");
        await MineAndTrainAsync(context);

        EvaluationReport report = await EvaluateStep.RunAsync(
            new EvaluateOptions { Models = [EvaluatedModels.FeatureSensitivity], Splits = [HeldOut.Validation], Resamples = 0 }, context);

        Assert.Equal(8, report.Results.Count);
        double Ndcg(string model) => report.Results.Single(result => result.Model == model).Metrics["ndcg@10"];
        Assert.True(Ndcg("ranker-new-items") > Ndcg("ranker-new-items (categories permuted)"), "the categories are all that the ranker has to go by");
        Assert.Equal(2, report.Results.Count(result => result.IsComparable));
        Assert.Equal(["ranker-new-items.json", "ranker-plain.json"], Directory.GetFiles(context.Workspace.MetricsFolder).Select(Path.GetFileName).Order());
    }

    private static async Task MineAndTrainAsync(StepContext context)
    {
        await MineNegativesStep.RunAsync(new MineNegativesOptions { Candidates = 20, Skip = 0, Hard = 4, Random = 4 }, context);
        await TrainRankerStep.RunAsync(
            new TrainRankerOptions { Hidden = [16, 8], Signals = RankerSignals.All, Dropout = 0, ItemDropout = 0.5, LearningRate = 0.01, BatchPairs = 64, Epochs = 10, Patience = 10, Candidates = 20 }, context);
    }
}
