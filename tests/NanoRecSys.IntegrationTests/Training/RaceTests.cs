using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Race;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.IntegrationTests.Training;

/// <summary>The winner of the race is served as it was measured.</summary>
public sealed class RaceTests : IDisposable
{
    private const int Users = 60, Items = 40, Length = 9;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_published_blend_serves_the_lists_of_the_evaluation_with_falling_scores()
    {
        (StepContext context, RaceOutcome outcome) = await RaceAsync();
        ArtifactStore store = context.Workspace.Store;
        await ExportStep.RunAsync(new ExportOptions(), context);
        await IndexStep.RunAsync(new IndexOptions(), context);
        PublishSummary published = await PublishStep.RunAsync(new PublishOptions { ServeSplit = ServeSplit.Train, UserEmbeddings = false }, context);

        Manifest manifest = store.Open(published.Version).Manifest;
        Assert.NotEmpty(outcome.Lists); // after one epoch, the network is worse than models that count item pairs
        Assert.Equal(outcome.Lists, manifest.Blend);
        Assert.Equal(outcome.Reason, published.Ranker);
        Assert.True(manifest.Calibration!.Slope > 0);
        EvaluationResult validated = manifest.Metrics.Single(result => result.Model == "retriever" && result.Split == "validation");
        Assert.Equal(outcome.Figures["retriever"], validated.Race);
        Assert.Equal(outcome.Figures, manifest.Race!.Figures);

        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, TestContext.Current.CancellationToken);
        using var models = new EvaluatedModels(["blend"], data, context);
        RankedUsers ranked = new NextItemRanking(data.Split, Items) { ListLength = 10, Threads = 1 }.Rank(models.Scorers, HeldOut.Validation);
        await using ApiServer api = await ApiServer.StartAsync(store, redis: null, ("Models:UserTower", "fp32"));
        for (int u = 0; u < ranked.Users.Length; u++)
        {
            Candidate[] expected = ranked.Lists[0][(u * 10)..((u + 1) * 10)];
            JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{data.Histories.Users[ranked.Users[u]].Text}}, "explain": true}""");

            Assert.Equal(expected.Select(candidate => data.Catalog.Items[candidate.Row].Id.Number()), answer.MovieIds());
            Assert.All(expected.Zip(answer.Scores()), pair => Assert.Equal(manifest.Calibration.Apply(pair.First.Score), pair.Second, 1e-4f));
            Assert.Equal(answer.Scores().OrderDescending(), answer.Scores());
            Assert.True(answer.Scores().Distinct().Count() > 1);
        }

        string user = data.Histories.Users[ranked.Users[0]].Text;
        JsonElement lists = await api.GetAsync($"/users/{user}/lists");
        JsonElement[] parts = [.. lists.GetProperty("lists").EnumerateArray()];
        Assert.Equal(["served", "retriever", .. manifest.Blend!.Select(_ => "item_models"), "similar", "popular"], parts.Select(part => part.Text("name")));
        Assert.Equal(ranked.Lists[0][..10].Select(candidate => data.Catalog.Items[candidate.Row].Id.Text), parts[0].GetProperty("items").TextIds());
        Assert.Equal(manifest.Blend!.Select(list => list.Name), parts[2..^2].SelectMany(part => part.GetProperty("models").Texts()));
        Assert.NotEqual(parts[1].GetProperty("items").TextIds(), parts[2].GetProperty("items").TextIds());

        JsonElement audience = await api.GetAsync($"/items/{parts[0].GetProperty("items").TextIds()[0]}/audience");
        Assert.Contains((user, 1), audience.GetProperty("first").EnumerateArray().Select(member => (member.GetProperty("user_id").ToString(), member.GetProperty("place").GetInt32())));

        JsonElement race = (await api.GetAsync("/models")).GetProperty("versions")[0].GetProperty("race");
        Assert.Equal((outcome.Reason, outcome.Figures.Count), (race.Text("reason"), race.GetProperty("figures").EnumerateObject().Count()));
    }

    [Fact]
    public async Task A_final_fit_changes_the_served_model_and_none_of_the_metrics()
    {
        (StepContext context, RaceOutcome outcome) = await RaceAsync();
        Manifest before = await PublishAsync(context);

        await FinalFitStep.RunAsync(new FinalFitOptions(), context);
        Manifest after = await PublishAsync(context);

        Assert.Null(before.FinalFit);
        Assert.Equal((3, Users * Length), (after.FinalFit!.Epochs, (int)after.FinalFit.Interactions));
        Assert.Equal(outcome.Lists, after.Blend);
        foreach (string file in new[] { ArtifactNames.ItemEmbeddings, ArtifactNames.UserTower, after.Blend![0].File })
        {
            Assert.NotEqual(HashOf(before, file), HashOf(after, file));
        }

        Assert.Equal(HashOf(before, ArtifactNames.Metrics), HashOf(after, ArtifactNames.Metrics));
        Assert.Null((await PublishAsync(context, new ExportOptions { UseFinalFit = false })).FinalFit);
    }

    [Fact]
    public async Task A_race_without_time_leaves_out_EASE_and_replaces_the_previous_blends_figures()
    {
        (StepContext context, _) = await RaceAsync();
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, TestContext.Current.CancellationToken);
        Assert.Contains("blend", PublishedMetrics.Read(data, context).Select(result => result.Model));

        RaceOutcome second = await RaceStep.RunAsync(new RaceOptions { Resamples = 100, MaxSeconds = 1e-9 }, context);

        Assert.Contains("0 s are left for it.", Assert.Single(second.Notes), StringComparison.Ordinal);
        Assert.DoesNotContain("ease", second.Figures.Keys);
        Assert.DoesNotContain("blend", PublishedMetrics.Read(data, context).Select(result => result.Model));
        Assert.Contains("retriever", PublishedMetrics.Read(data, context).Select(result => result.Model));
    }

    [Fact]
    public async Task A_requested_candidate_is_kept_and_one_that_was_left_out_is_refused_with_the_reason()
    {
        (StepContext context, _) = await RaceAsync();

        RaceOutcome requested = await RaceStep.RunAsync(new RaceOptions { Resamples = 100, Choose = "retriever" }, context);
        UserErrorException error = await Assert.ThrowsAsync<UserErrorException>(
            () => RaceStep.RunAsync(new RaceOptions { Resamples = 100, Choose = "ease", MaxSeconds = 1e-9 }, context));

        Assert.True((await PublishAsync(context)).Race!.Figures["retriever"].IsChosen);
        Assert.Contains("chosen on request", requested.Reason, StringComparison.Ordinal);
        Assert.StartsWith("'ease' is not among the candidates: retriever, popularity, item-knn, blend. ease is left out:", error.Message, StringComparison.Ordinal);
    }

    private static string HashOf(Manifest manifest, string file) => manifest.Files.Single(each => each.Name == file).Sha256;

    private static async Task<Manifest> PublishAsync(StepContext context, ExportOptions? options = null)
    {
        await ExportStep.RunAsync(options ?? new ExportOptions(), context);
        await IndexStep.RunAsync(new IndexOptions(), context);
        return context.Workspace.Store.Open((await PublishStep.RunAsync(new PublishOptions(), context)).Version).Manifest;
    }

    private async Task<(StepContext Context, RaceOutcome Outcome)> RaceAsync()
    {
        StepContext context = new(
            new Workspace(new ArtifactStore(_folder.File("artifacts")), "circle"), Seed: 1, new Progress<ProgressEvent>(), CancellationToken.None)
        { Threads = 1 };
        using IDisposable alone = await SeededTorch.EnterAsync();
        await PrepareStep.RunAsync(new PrepareOptions { Data = WriteRatings() }, context);
        await TrainRetrieverStep.RunAsync(
            new TrainRetrieverOptions { Dimension = 16, Blocks = 1, Heads = 2, FeedForward = 32, MaxLength = 20, WarmupSteps = 5, Epochs = 1 }, context);
        RaceOutcome outcome = await RaceStep.RunAsync(new RaceOptions { Resamples = 200 }, context);
        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["retriever", "blend"], Resamples = 0 }, context);
        return (context, outcome);
    }

    // Users who walk around a circle of movies from random starts and sometimes skip one or two.
    private string WriteRatings()
    {
        string folder = _folder.File("circle");
        Directory.CreateDirectory(folder);
        var random = new Random(5);
        List<string> rows = ["userId,movieId,rating,timestamp"];
        for (int user = 1; user <= Users; user++)
        {
            int movie = random.Next(Items);
            for (int t = 0; t < Length; t++, movie = (movie + 1 + random.Next(3)) % Items)
            {
                rows.Add($"{user},{movie + 1},4,{1000 + t}");
            }
        }

        File.WriteAllLines(Path.Combine(folder, "ratings.csv"), rows);
        return folder;
    }
}
