using NanoRecSys.Core.Events;
using NanoRecSys.Core.Items;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Retrieval;
using ConnectionMultiplexer = StackExchange.Redis.ConnectionMultiplexer;

namespace NanoRecSys.IntegrationTests.Training;

/// <summary>From the API back to training: events recorded with one model train the next.</summary>
public sealed class ClosedLoopTests : IDisposable
{
    private const int Movies = 40;
    private const int Cause = 7;
    private const int Liked = 31;
    private const int Added = 9001;
    private const int FirstNewcomer = 5000;
    private const int Newcomers = 60;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task A_movie_that_people_liked_through_the_API_rises_in_the_retrained_model(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        string data = WriteRatings();
        var store = new ArtifactStore(_folder.File("artifacts"));
        StepContext context = new(new Workspace(store, "loop"), Seed: 1, new Progress<ProgressEvent>(), CancellationToken.None);
        await TrainAsync(new PrepareOptions { Data = data }, context);
        await using ApiServer api = await ApiServer.StartAsync(store, cache.ConnectionString);
        string first = store.ReadCurrent()!;
        int before = await RankAsync(api);

        // Sixty users watch one movie and then like another; one of them also watches an added movie and dislikes a third.
        await api.PostAsync("/items", $$"""{"movie_id": {{Added}}, "title": "A New One", "year": 2026, "genres": ["Drama"]}""");
        string events = string.Join(',', Enumerable.Range(FirstNewcomer, Newcomers).Select(user => $$"""
            {"user_id": {{user}}, "movie_id": {{Cause}}, "timestamp": 2000}, {"user_id": {{user}}, "movie_id": {{Liked}}, "type": "like", "timestamp": 2001}
            """));
        JsonElement receipt = await api.PostAsync("/events", $$"""
            {"events": [{{events}}, {"user_id": {{FirstNewcomer}}, "movie_id": {{Added}}, "timestamp": 2002}, {"user_id": {{FirstNewcomer}}, "movie_id": 3, "type": "dislike"}]}
            """);
        Assert.Equal(2 * Newcomers + 2, receipt.GetProperty("stored").GetInt32());

        await DamageAsync(cache);
        await api.SendAsync(HttpMethod.Delete, "/users/5");
        DatasetSummary summary = await TrainAsync(new PrepareOptions { Data = data, Events = $"redis://{cache.ConnectionString}" }, context);
        await ApiServer.UntilAsync("the retrained model is served", async () => (await api.StatusAsync()).Text("version") != first);

        Assert.Equal((2 * Newcomers + 1, 1, Movies + 1), (summary.Events, summary.Dislikes, summary.Items));
        Assert.Contains("2 events or added movies in Redis cannot be read and were left out.", summary.Notes);
        Assert.Equal(-1, HistoriesFile.Read(store.FolderOf(store.ReadCurrent()!)).PositionOf(5)); // the deleted user
        int after = await RankAsync(api);
        Assert.True(before > 5, $"Its rank was {before} before.");
        Assert.True(after <= 3, $"Its rank changed from {before} to {after}.");

        // An event that was trained on is not counted twice; the dislike still applies; the added movie is now part of the model.
        int[] history = await api.HistoryAsync(FirstNewcomer);
        Assert.Equal([Added, Liked, Cause], history);
        Assert.DoesNotContain(3, (await api.PostAsync("/recommend", $$"""{"user_id": {{FirstNewcomer}}, "k": 100}""")).MovieIds());
        JsonElement found = (await api.GetAsync("/items?query=new+one")).GetProperty("items");
        Assert.Equal(("A New One", 2026), (Assert.Single(found.EnumerateArray()).Text("title"), found[0].GetProperty("attributes").GetProperty("year").GetInt32()));
    }

    private static async Task DamageAsync(CacheServer cache)
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        await redis.GetDatabase().HashSetAsync(EventKeys.Of(9_999_999), "event", "{\"movie_id\":");
        await redis.GetDatabase().HashSetAsync(ItemRecord.Key, "777777", "null");
    }

    [Theory]
    [InlineData("redis://127.0.0.1:1", "127.0.0.1:1")]
    [InlineData("redis://:secret@127.0.0.1:1", "127.0.0.1:1")]
    [InlineData("host:1:2:3,what=5", "--events")]
    public async Task Unreadable_events_are_reported_in_one_line_without_the_password(string address, string expected)
    {
        StepContext context = new(new Workspace(new ArtifactStore(_folder.File("artifacts")), "loop"), Seed: 1, new Progress<ProgressEvent>(), CancellationToken.None);

        UserErrorException e = await Assert.ThrowsAsync<UserErrorException>(() => PrepareStep.RunAsync(new PrepareOptions { Data = WriteRatings(), Events = address }, context));

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);
    }

    private static async Task<DatasetSummary> TrainAsync(PrepareOptions prepare, StepContext context)
    {
        using IDisposable alone = await SeededTorch.EnterAsync();
        DatasetSummary summary = await PrepareStep.RunAsync(prepare, context);
        await TrainRetrieverStep.RunAsync(
            new TrainRetrieverOptions { Dimension = 16, Blocks = 1, Heads = 2, FeedForward = 32, MaxLength = 20, WarmupSteps = 10, Epochs = 10, ValidateEvery = 10, BatchUsers = 16 }, context);
        await ExportStep.RunAsync(new ExportOptions(), context);
        await IndexStep.RunAsync(new IndexOptions(), context);
        await PublishStep.RunAsync(new PublishOptions(), context);
        return summary;
    }

    // Rank of the liked movie for a session that consists of its cause.
    private static async Task<int> RankAsync(ApiServer api)
    {
        JsonElement answer = await api.PostAsync("/recommend/session", $$"""{"movie_ids": [{{Cause}}], "k": 100}""");
        return 1 + Array.IndexOf(answer.MovieIds(), Liked);
    }

    // Eighty users who watch a dozen movies in random order; only two watch the one that will be liked.
    private string WriteRatings()
    {
        string folder = _folder.File("loop");
        Directory.CreateDirectory(folder);
        var random = new Random(1);
        List<string> rows = ["userId,movieId,rating,timestamp"];
        for (int user = 1; user <= 80; user++)
        {
            int[] movies = [.. Enumerable.Range(1, Movies).Where(movie => movie != Liked)];
            random.Shuffle(movies);
            movies[0] = user <= 2 ? Liked : movies[0];
            rows.AddRange(movies.Take(12).Select((movie, t) => $"{user},{movie},4,{1000 + t}"));
        }

        File.WriteAllLines(Path.Combine(folder, "ratings.csv"), rows);
        return folder;
    }
}
