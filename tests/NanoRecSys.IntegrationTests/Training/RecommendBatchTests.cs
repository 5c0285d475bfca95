using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.IntegrationTests.Training;

/// <summary>The <c>recommend</c> command with a model trained on the sample.</summary>
public sealed class RecommendBatchTests(TrainedArtifacts trained) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_batch_has_the_APIs_answer_for_every_user()
    {
        ArtifactStore store = await trained.StoreAsync();
        string output = _folder.File("lists.parquet");
        RecommendSummary summary = await RecommendStep.RunAsync(new RecommendOptions { Output = output, K = 100 }, Context(store));
        ILookup<string, string> batch = ReadLists(output);
        UserHistories histories = HistoriesFile.Read((await trained.VersionAsync()).Folder);
        await using ApiServer api = await ApiServer.StartAsync(store);

        Assert.Equal((store.ReadCurrent(), histories.UserCount), (summary.Version, summary.Users));
        Assert.Equal(histories.UserCount, batch.Count);
        for (int position = 0; position < histories.UserCount; position++)
        {
            string user = histories.Users[position].Text;
            JsonElement answer = await api.PostAsync("/recommendations", $$"""{"user_id": {{user}}, "k": 100}""");
            Assert.Equal(
                answer.GetProperty("items").EnumerateArray().Select((item, place) => Row(place + 1, item.GetProperty("item_id").GetInt64(), item.GetProperty("score").GetSingle())),
                batch[user]);
        }
    }

    [Theory]
    [InlineData("lists.csv", "read_csv")]
    [InlineData("lists.jsonl", "read_json")]
    public async Task An_interrupted_batch_continues_with_the_result_of_an_uninterrupted_one(string name, string reader)
    {
        ArtifactStore store = await trained.StoreAsync();
        (string whole, string broken) = (_folder.File($"whole-{name}"), _folder.File(name));
        await RecommendStep.RunAsync(new RecommendOptions { Output = whole }, Context(store));
        using var interrupt = new CancellationTokenSource();
        var events = new List<ProgressEvent>();
        StepContext context = Context(store) with { Progress = new ImmediateProgress(_ => interrupt.Cancel()), Cancellation = interrupt.Token };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RecommendStep.RunAsync(new RecommendOptions { Output = broken }, context));
        bool isWritten = File.Exists(broken);
        await RecommendStep.RunAsync(new RecommendOptions { Output = broken }, Context(store) with { Progress = new ImmediateProgress(events.Add) });

        Assert.False(isWritten);
        Assert.Equal("Continuing after 512 users.", events[0].Message);
        Assert.Equal(await File.ReadAllTextAsync(whole, TestContext.Current.CancellationToken), await File.ReadAllTextAsync(broken, TestContext.Current.CancellationToken));
        Assert.Equal(6_710, ReadLists(broken, reader).Sum(list => list.Count()));
        Assert.Equal([broken, whole], Directory.EnumerateFiles(_folder.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_file_of_users_keeps_its_order_and_unknown_ids_are_left_out_with_the_line_of_the_first()
    {
        ArtifactStore store = await trained.StoreAsync();
        (string users, string output) = (_folder.File("users.txt"), _folder.File("lists.csv"));
        await File.WriteAllTextAsync(users, "user_id\n7\n\nnobody\n3\n7\n1000000\n", TestContext.Current.CancellationToken);
        var events = new List<ProgressEvent>();

        RecommendSummary summary = await RecommendStep.RunAsync(
            new RecommendOptions { Output = output, Users = users, K = 2 }, Context(store) with { Progress = new ImmediateProgress(events.Add) });

        Assert.Equal((2, 2), (summary.Users, summary.Unknown));
        Assert.Contains("2 lines of ", events[0].Message, StringComparison.Ordinal);
        Assert.EndsWith("The first is 'nobody' in line 4.", events[0].Message, StringComparison.Ordinal);
        Assert.Equal(["7,1", "7,2", "3,1", "3,2"], File.ReadLines(output).Skip(1).Select(line => string.Join(',', line.Split(',').Take(2))));
    }

    [Theory]
    [InlineData("lists.txt", "all", null, ".parquet, .csv or .jsonl")]
    [InlineData("none/lists.csv", "all", null, "there is no folder")]
    [InlineData("lists.csv", "missing.txt", null, "one user id per line")]
    [InlineData("lists.csv", "all", "000000000000", "000000000000")]
    public async Task An_impossible_batch_is_refused_with_the_reason(string output, string users, string? version, string expected)
    {
        StepContext context = Context(await trained.StoreAsync());

        Exception e = await Assert.ThrowsAnyAsync<Exception>(() =>
            RecommendStep.RunAsync(new RecommendOptions { Output = _folder.File(output), Users = users, Version = version }, context));

        Assert.True(e is UserErrorException or ArtifactException);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(_folder.Path));
    }

    private static StepContext Context(ArtifactStore store) =>
        new(new Workspace(store, "batch"), Seed: 1, new ImmediateProgress(_ => { }), TestContext.Current.CancellationToken);

    // Each user's rows, in order.
    private static ILookup<string, string> ReadLists(string path, string reader = "read_parquet")
    {
        using var database = new DuckDb();
        return database.Rows($"SELECT user_id::VARCHAR, rank::VARCHAR, item_id::VARCHAR, score::FLOAT::VARCHAR FROM {reader}({DuckDb.PathText(path)})")
            .ToLookup(row => row[0]!, row => Row(int.Parse(row[1]!), long.Parse(row[2]!), float.Parse(row[3]!)));
    }

    private static string Row(int rank, long item, float score) => $"{rank} {item} {score:R}";
}
