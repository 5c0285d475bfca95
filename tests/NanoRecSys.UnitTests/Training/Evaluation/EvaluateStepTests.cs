namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class EvaluateStepTests : FolderTests
{
    [Fact]
    public async Task Results_are_saved_by_model_a_second_evaluation_replaces_its_split_only_and_each_look_at_the_test_is_logged()
    {
        StepContext context = await PrepareAsync();

        EvaluationReport report = await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Test] }, context);
        EvaluationResult test = Assert.Single(MetricsFile.Read(context.Workspace, "popularity").Results);
        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"] }, context);
        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Validation] }, context);

        Assert.Equal(report.Results[0].Intervals!["ndcg@10"], test.Intervals!["ndcg@10"]);
        Assert.True(test.IsComparable);
        Assert.Equal(["test", "validation"], MetricsFile.Read(context.Workspace, "popularity").Results.Select(result => result.Split));
        Assert.Equal(2, File.ReadAllLines(Path.Combine(Path.GetDirectoryName(context.Workspace.MetricsFolder)!, MetricsFile.TestLog)).Length);
    }

    [Fact]
    public async Task Figures_of_different_windows_are_both_kept_and_one_without_a_window_is_replaced()
    {
        StepContext context = await PrepareAsync();
        EvaluateOptions options = new() { Models = ["popularity"], Splits = [HeldOut.Validation], Exclude = Exclusion.Window };
        await EvaluateStep.RunAsync(options with { Window = 2 }, context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, TestContext.Current.CancellationToken);
        MetricsFile.Save(context.Workspace, data, MetricsFile.Read(context.Workspace, "popularity").Results.Single() with { Window = null }, DateTimeOffset.UnixEpoch);

        await EvaluateStep.RunAsync(options, context);

        Assert.Equal([2, 200], MetricsFile.Read(context.Workspace, "popularity").Results.Select(result => result.Window));
    }

    [Fact]
    public async Task Figures_of_a_model_that_was_retrained_are_replaced()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");
        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["retriever"], Splits = [HeldOut.Validation, HeldOut.Test] }, context);
        TwoTastes.ReplaceRetriever(context);
        File.SetLastWriteTimeUtc(Path.Combine(context.Workspace.RetrieverFolder, ModelFolder.WeightsName), DateTime.UtcNow.AddDays(-1)); // a copied file may have an older time

        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["retriever"], Splits = [HeldOut.Test] }, context);

        Assert.Equal("test", Assert.Single(MetricsFile.Read(context.Workspace, "retriever").Results).Split);
    }

    [Fact]
    public async Task Unknown_models_are_refused_with_the_known_names()
    {
        StepContext context = await PrepareAsync();

        await Assert.RefusedAsync(() => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["oracle"] }, context),
            "Unknown model 'oracle'. Models: popularity, popularity-recent, item-knn, ease");
    }

    [Fact]
    public async Task The_JSON_line_is_flat()
    {
        StepContext context = await PrepareAsync();
        EvaluationReport report = await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Test] }, context);

        using JsonDocument line = JsonDocument.Parse(EvaluationJson.Line(report));

        Assert.Equal("popularity", line.RootElement.GetProperty("model").GetString());
        Assert.Equal(1, line.RootElement.GetProperty("users").GetInt32());
        Assert.Equal(1, line.RootElement.GetProperty("hr@10").GetDouble());
        Assert.Equal(1 / 3.0, line.RootElement.GetProperty("lists").GetProperty("coverage").GetDouble(), 6);
        Assert.Equal("""{"by":"history","name":"1-5","users":1,"hr@10":1,"ndcg@10":1}""", line.RootElement.GetProperty("slices")[0].GetRawText());
    }

    [Fact]
    public async Task Sampled_figures_are_marked_and_logged_but_not_saved_for_publishing()
    {
        StepContext context = await PrepareAsync();

        EvaluationReport report = await EvaluateStep.RunAsync(
            new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Test], Sampled = true, AddLogPopularity = true }, context);

        using JsonDocument line = JsonDocument.Parse(EvaluationJson.Line(report));
        Assert.Equal("sampled-uniform-100+log-popularity", line.RootElement.GetProperty("protocol").GetString());
        Assert.False(line.RootElement.GetProperty("comparable").GetBoolean());
        Assert.StartsWith("NOT COMPARABLE", MetricsTable.Caption(report.Results[0]), StringComparison.Ordinal);
        Assert.Empty(MetricsFile.Read(context.Workspace, "popularity").Results);
        Assert.Single(File.ReadAllLines(Path.Combine(Path.GetDirectoryName(context.Workspace.MetricsFolder)!, MetricsFile.TestLog)));
    }

    [Fact]
    public async Task Several_models_are_compared_with_intervals()
    {
        StepContext context = await PrepareAsync();

        EvaluationReport report = await EvaluateStep.RunAsync(
            new EvaluateOptions { Models = ["popularity", "item-knn"], Splits = [HeldOut.Test] }, context);

        using JsonDocument line = JsonDocument.Parse(EvaluationJson.Line(report));
        JsonElement first = line.RootElement[0];
        Assert.Equal("[1,1]", first.GetProperty("intervals").GetProperty("hr@10").GetRawText());
        Assert.Equal("item-knn", first.GetProperty("versus")[0].GetProperty("model").GetString());
        Assert.False(first.GetProperty("versus")[0].GetProperty("significant").GetBoolean());
    }

    private async Task<StepContext> PrepareAsync()
    {
        await File.WriteAllTextAsync(Folder.File("ratings.csv"), "1,10,5,1\n1,11,5,2\n1,12,5,3\n");
        StepContext context = StepContexts.In(Folder.File("artifacts"), "tiny");
        await PrepareStep.RunAsync(new PrepareOptions { Data = Folder.Path }, context);
        return context;
    }
}
