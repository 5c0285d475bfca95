using NanoRecSys.Core.Events;
using NanoRecSys.Training.Data;
using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Which data of a user is kept, for how long, and what remains after deleting the user.</summary>
public sealed class RetentionTests
{
    private const int User = 5301;
    private const int Kept = 10;
    private const int Sent = 40;

    public static TheoryData<string> Kinds => CacheServer.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public async Task Old_events_move_to_the_artifacts_folder_and_training_reads_each_event_once(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(631), cache.ConnectionString, ("Events:MostPerUser", $"{Kept}"));
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        IDatabase database = redis.GetDatabase();
        var archive = new EventArchive(api.Store.Root);
        foreach (int[] batch in Enumerable.Range(0, Sent).Chunk(20))
        {
            await api.PostAsync("/events", $$"""{"events": [{{string.Join(',', batch.Select(i => $$"""{"user_id": {{User}}, "item_id": {{1001 + i}}, "timestamp": {{1000 + i}}, "key": "k{{i}}"}"""))}}]}""");
            await ApiServer.UntilAsync("the old events are moved", async () => await database.HashLengthAsync(EventKeys.Of(User)) == Kept);
        }

        Assert.Equal(Enumerable.Range(1001 + Sent - Kept, Kept).Reverse(), await api.HistoryAsync(User));
        Assert.Equal(Sent - Kept, await archive.ReadAsync().CountAsync());
        Assert.Equal(Sent, (await ReadAsync()).Interactions.Count);

        // Simulates a crash after the file was written and before the events were deleted.
        ArchivedEvent first = await archive.ReadAsync().FirstAsync();
        await database.HashSetAsync(EventKeys.Of(User), first.Field, first.Event.Write());
        await archive.WriteAsync([first], DateTimeOffset.UtcNow);
        Assert.Equal(Sent, (await ReadAsync()).Interactions.Count);

        // Archived events can be deleted like others: one by its key, or all.
        Assert.Equal(1, await DeleteAsync(api, $"/users/{User}/events/k1"));
        Assert.Equal(Sent - 1, (await ReadAsync()).Interactions.Count);
        await DeleteAsync(api, $"/users/{User}/events");
        Assert.Equal(0, (await ReadAsync()).Interactions.Count);
        Assert.Equal(0, await archive.ReadAsync().CountAsync());

        Task<LiveEvents> ReadAsync() => LiveEvents.ReadAsync($"redis://{cache.ConnectionString}", archive, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Events_stay_in_the_store_while_archiving_fails_and_are_refused_beyond_ten_times_the_limit()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(631), cache.ConnectionString, ("Events:MostPerUser", "1"));
        await File.WriteAllTextAsync(Path.Combine(api.Store.Root, "events"), "not a folder", TestContext.Current.CancellationToken);
        string Row(int movie) => $$"""{"user_id": {{User}}, "movie_id": {{movie}}, "timestamp": {{movie}}}""";
        await api.PostAsync("/events", $$"""{"events": [{{string.Join(',', Enumerable.Range(1010, 10).Select(Row))}}]}""");

        JsonElement receipt = await api.PostAsync("/events", $$"""{"events": [{{Row(1020)}}, {{Row(1011)}}, {"user_id": 5302, "movie_id": 1010}]}""");

        Assert.Equal((1, 1), (receipt.GetProperty("stored").GetInt32(), receipt.GetProperty("duplicates").GetInt32()));
        JsonElement refused = Assert.Single(receipt.GetProperty("refused").EnumerateArray());
        Assert.Equal((0, "too_many_events"), (refused.GetProperty("index").GetInt32(), refused.GetProperty("errors")[0].Text("type")));
        Assert.Equal(Enumerable.Range(1010, 10).Reverse(), await api.HistoryAsync(User));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_deleted_user_of_the_model_is_unknown_on_every_replica_until_new_events_arrive(string kind)
    {
        const string Question = """{"user_id": 11, "k": 3, "include_history": true}""";
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer here = await ApiServer.StartAsync(new RandomModel(633) { ServesFast = true }, cache.ConnectionString);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cache.ConnectionString);
        foreach (ApiServer api in (ApiServer[])[here, there])
        {
            await ApiServer.UntilAsync("the answer is cached", async () => (await api.PostAsync("/recommend", Question)).Flag("served_from_cache"));
        }

        await here.PostAsync("/events", """{"user_id": 11, "item_id": 1010}""");
        Assert.Equal(1, await DeleteAsync(here, "/users/11"));
        Assert.Equal(0, await DeleteAsync(here, "/users/11")); // deleting again changes nothing

        await ApiServer.UntilAsync("the notice has arrived", async () => Reason(await there.PostAsync("/recommend", Question)) == "unknown_user");
        foreach (ApiServer api in (ApiServer[])[here, there])
        {
            JsonElement answer = await api.PostAsync("/recommend", Question);
            Assert.Equal(("unknown_user", 0), (Reason(answer), answer.GetProperty("history").GetArrayLength()));
            using HttpResponseMessage history = await api.FetchAsync("/users/11/history");
            Assert.Equal(HttpStatusCode.NotFound, history.StatusCode);
            JsonElement users = await api.GetAsync("/users");
            Assert.Equal([7, 12, 110, 205], users.GetProperty("users").EnumerateArray().Select(user => user.GetProperty("user_id").GetInt32()).Order());
            Assert.DoesNotContain("\"user_id\":11,", (await api.GetAsync("/items/1030/audience")).GetRawText(), StringComparison.Ordinal);
        }

        Assert.Equal(["11"], (await LiveEvents.ReadAsync($"redis://{cache.ConnectionString}", new EventArchive(here.Store.Root), TestContext.Current.CancellationToken))
            .Forgotten.Select(user => user.Text));
        await there.PostAsync("/events", """{"user_id": 11, "item_id": 1020}""");
        Assert.Equal((int[])[1020], await there.HistoryAsync(11));
        Assert.Equal((int[])[1020], (await here.PostAsync("/recommend", Question)).GetProperty("history").Ids());
        int[] others = await here.HistoryAsync(110);
        Assert.Equal(2, others.Length);

        await here.GetAsync("/users"); // this replica has read the deletion marks, and respects them without Redis
        cache.Dispose();
        Assert.Empty((await here.PostAsync("/recommend", """{"user_id": 11, "k": 4, "include_history": true}""")).GetProperty("history").Ids());

        static string Reason(JsonElement answer) => answer.GetProperty("debug_timing").TryGetProperty("fallback_reason", out JsonElement reason) ? reason.GetString()! : "";
    }

    [Fact]
    public async Task Scrub_removes_a_user_from_every_version_and_serving_follows()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(634) { ServesFast = true, Created = DateTimeOffset.UtcNow.AddDays(-1) });
        string[] before = [api.Store.ReadCurrent()!, new RandomModel(635).Publish(api.Store).Manifest.ModelVersion];
        api.Store.Pin(before[0]);
        await api.ServeAsync(before[0]);
        UserHistories old = HistoriesFile.Read(api.Store.FolderOf(before[0]));

        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = await NanoRecSys.Training.Commands.CommandLine.RunAsync(["scrub", "--users", "11", "nobody", "--artifacts", api.Store.Root, "--json"], output, error, TestContext.Current.CancellationToken);

        Assert.True(code == 0, error.ToString());
        Assert.Contains("\"unknown\":[\"nobody\"]", output.ToString(), StringComparison.Ordinal);
        ArtifactVersion[] after = [.. api.Store.ListVersions().Reverse().Select(api.Store.Open)];
        Assert.Equal(after.Select(version => version.Manifest.ModelVersion), (string[])[api.Store.ReadPinned()!, api.Store.ReadCurrent()!]);
        Assert.DoesNotContain(before, version => Directory.Exists(api.Store.FolderOf(version)));
        foreach (ArtifactVersion version in after)
        {
            UserHistories left = HistoriesFile.Read(version.Folder);
            Assert.Equal([7, 12, 110, 205], left.Users.ToArray());
            Assert.Equal((4, left.InteractionCount), (version.Manifest.Dataset.Users, version.Manifest.Dataset.Interactions));
            Assert.All(left.Users.ToArray(), user => Assert.Equal(old.At(old.PositionOf(user)).ToArray(), left.At(left.PositionOf(user)).ToArray()));
        }

        using (HalfRows embeddings = HalfRows.Map(after[0].PathOf(ArtifactNames.UserEmbeddings)))
        {
            Assert.Equal(4, embeddings.Count);
        }

        await api.ServeAsync(after[0].Manifest.ModelVersion);
        Assert.Equal("unknown_user", (await api.PostAsync("/recommend", """{"user_id": 11}""")).GetProperty("debug_timing").Text("fallback_reason"));
        Assert.False((await api.PostAsync("/recommend", """{"user_id": 110}""")).GetProperty("debug_timing").TryGetProperty("fallback_reason", out _));
    }

    private static async Task<int> DeleteAsync(ApiServer api, string path) => (await api.SendAsync(HttpMethod.Delete, path)).GetProperty("deleted").GetInt32();
}
