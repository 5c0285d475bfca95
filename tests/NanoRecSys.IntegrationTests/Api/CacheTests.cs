using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class CacheTests
{
    private const string Everything = """{"user_id": 11, "k": 5, "explain": true, "include_history": true}""";

    // Answers in process memory hide failures of Redis for up to a second.
    private static readonly (string Name, string Value) WithoutMemory = ("Recommendations:MemoryBytes", "0");

    public static TheoryData<string> Kinds => CacheServer.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_repeated_request_is_answered_from_the_cache_with_a_new_request_id(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(21), cache.ConnectionString);

        JsonElement cold = await api.PostAsync("/recommend", Everything);
        JsonElement cached = await api.PostAsync("/recommend", Everything);

        Assert.False(cold.Flag("served_from_cache"));
        Assert.True(cached.Flag("served_from_cache"));
        Assert.NotEqual(cold.Text("request_id"), cached.Text("request_id"));
        Assert.Equal("""{"source":"cache"}""", cached.GetProperty("debug_timing").GetRawText());
        Assert.Equal(["cache.get"], cached.Stages());
        Assert.Equal(["cache.get", "history", "encode", "retrieve", "rank", "explain", "cache.set"], cold.Stages());
        foreach (string field in cold.Names().Except(["request_id", "served_from_cache", "debug_timing", "stages"]))
        {
            Assert.Equal(cold.GetProperty(field).GetRawText(), cached.GetProperty(field).GetRawText());
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task An_entry_that_cannot_be_read_is_replaced(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(27), cache.ConnectionString, WithoutMemory);
        await api.PostAsync("/recommend", Everything);
        using (ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString))
        {
            RedisKey[] keys = [];

            // The API does not wait until its answer is stored.
            await ApiServer.UntilAsync("the answer is stored", () => Task.FromResult((keys = [.. redis.GetServers()[0].Keys(pattern: "nanorecsys:answer:*")]).Length > 0));
            RedisKey key = Assert.Single(keys);
            Assert.InRange((await redis.GetDatabase().KeyTimeToLiveAsync(key))!.Value.TotalSeconds, 1, 300);
            await redis.GetDatabase().StringSetAsync(key, "{");
        }

        JsonElement answer = await api.PostAsync("/recommend", Everything);

        Assert.False(answer.Flag("served_from_cache"));
        Assert.True((await api.PostAsync("/recommend", Everything)).Flag("served_from_cache"));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task Different_options_have_different_cache_entries(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(22), cache.ConnectionString);
        await api.PostAsync("/recommend", """{"user_id": 11}""");

        foreach (string body in new[]
        {
            """{"user_id": 7}""",
            """{"user_id": 11, "k": 9}""",
            """{"user_id": 11, "explain": true}""",
            """{"user_id": 11, "include_history": true}""",
        })
        {
            Assert.False((await api.PostAsync("/recommend", body)).Flag("served_from_cache"), body);
        }

        Assert.True((await api.PostAsync("/recommend", """{"user_id": 11, "k": 10}""")).Flag("served_from_cache"));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_new_model_does_not_serve_cached_answers_of_the_old_one(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(23), cache.ConnectionString);
        await api.PostAsync("/recommend", Everything);

        await api.ServeAsync(new RandomModel(24).Publish(api.Store).Manifest.ModelVersion);
        JsonElement answer = await api.PostAsync("/recommend", Everything);

        Assert.False(answer.Flag("served_from_cache"));
        Assert.Equal(api.Store.ReadCurrent(), answer.Text("version"));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_cache_that_is_down_at_startup_fails_no_request_and_is_used_once_it_is_up(string kind)
    {
        using CacheServer cache = CacheServer.Create(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(25), cache.ConnectionString);

        JsonElement answer = await api.PostAsync("/recommend", Everything);
        JsonElement status = await api.StatusAsync();

        Assert.Equal("degraded", answer.Text("mode"));
        Assert.Equal(5, answer.MovieIds().Length);
        Assert.Equal("degraded", status.Text("mode"));
        Assert.False(status.GetProperty("redis").Flag("available"));
        Assert.True(status.GetProperty("redis").GetProperty("error_count").GetInt64() > 0);
        Assert.Contains(status.GetProperty("warnings").Texts(), text => text.Contains("does not answer", StringComparison.Ordinal));

        cache.Start();
        await ApiServer.UntilAsync("answers come from the cache", async () => (await api.PostAsync("/recommend", Everything)).Flag("served_from_cache"));
        Assert.Equal("live", (await api.StatusAsync()).Text("mode"));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_cache_killed_while_serving_fails_no_request_and_is_used_again_when_it_is_back(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(26), cache.ConnectionString);
        await api.PostAsync("/recommend", Everything);

        cache.Kill();
        await ApiServer.UntilAsync("answers are computed", async () => (await api.PostAsync("/recommend", Everything)).Text("mode") == "degraded");
        cache.Start();
        await ApiServer.UntilAsync("answers come from the cache", async () => (await api.PostAsync("/recommend", Everything)).Flag("served_from_cache"));

        Assert.Equal("live", (await api.PostAsync("/recommend", Everything)).Text("mode"));
        Assert.True((await api.StatusAsync()).GetProperty("stats").GetProperty("cache_errors").GetInt64() > 0);
    }

    [Fact]
    public async Task A_hanging_cache_delays_a_few_requests_by_a_second_and_no_others()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis();
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(28), cache.ConnectionString + ApiServer.DefaultTimeout, WithoutMemory);
        await api.PostAsync("/recommend", Everything);

        cache.Freeze();
        var modes = new List<string>();
        for (int request = 0; request < 20; request++)
        {
            modes.Add((await api.PostAsync("/recommend", Everything).WaitAsync(TimeSpan.FromSeconds(10))).Text("mode"));
        }

        double[] milliseconds = [.. (await api.GetAsync("/debug/telemetry")).GetProperty("recent").EnumerateArray()
            .Select(trace => trace.GetProperty("total_ms").GetDouble()).Order()];
        cache.Thaw();

        Assert.All(modes, mode => Assert.Equal("degraded", mode));
        Assert.InRange(milliseconds[10], 0, 100); // the median did not wait at all
        await ApiServer.UntilAsync("answers come from the cache", async () => (await api.PostAsync("/recommend", Everything)).Flag("served_from_cache"));
    }
}
