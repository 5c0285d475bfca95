using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Events that cannot be stored: no store, no model, or a store that is down or full.</summary>
public sealed class EventRefusalTests
{
    private const int FirstUser = 5001;

    [Fact]
    public async Task Without_a_store_events_are_refused_and_recommendations_continue()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(110));

        using HttpResponseMessage response = await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010}""");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("No store for events", (await response.BodyAsync()).Text("detail"), StringComparison.Ordinal);
        Assert.Equal("live", (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode"));
    }

    [Fact]
    public async Task Events_are_refused_before_the_first_model()
    {
        await using ApiServer api = ApiServer.Start();

        using HttpResponseMessage response = await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010}""");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("not_ready", (await response.BodyAsync()).GetProperty("detail").Text("status"));
    }

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task While_the_store_is_unavailable_events_are_refused_and_accepted_afterwards(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(111), cache.ConnectionString);
        cache.Kill();

        var watch = Stopwatch.StartNew();
        using HttpResponseMessage refused = await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010, "key": "a"}""");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("1", refused.Headers.RetryAfter!.ToString());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5);

        cache.Start();
        await ApiServer.UntilAsync("events are accepted", async () =>
        {
            using HttpResponseMessage response = await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010, "key": "a"}""");
            return response.StatusCode == HttpStatusCode.OK;
        });
        int[] history = await api.HistoryAsync(11);
        Assert.Equal([1010, 1002, 1001, 1003], history);
    }

    [Fact]
    public async Task While_Redis_hangs_a_user_known_only_from_events_is_not_reported_as_unknown()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis();
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(115), cache.ConnectionString + ApiServer.DefaultTimeout, ("Recommendations:MemoryBytes", "0"));
        await api.PostAsync("/events", $$"""{"user_id": {{FirstUser}}, "movie_id": 1010}""");

        cache.Freeze();
        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{FirstUser}}}""");
        cache.Thaw();

        Assert.Equal(("degraded", "events_unavailable"), (answer.Text("mode"), answer.GetProperty("debug_timing").Text("fallback_reason")));
        await ApiServer.UntilAsync("the user is known again", async () => (await api.PostAsync("/recommend", $$"""{"user_id": {{FirstUser}}}""")).Text("mode") == "live");
    }

    [Fact]
    public async Task A_full_store_refuses_events_with_503_keeps_old_events_and_evicts_answers()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis("--maxmemory", "3mb", "--maxmemory-policy", "volatile-lru");
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(112), cache.ConnectionString);
        int stored = 0;
        HttpStatusCode status;
        do
        {
            string rows = string.Join(',', Enumerable.Range(0, 500).Select(i => $$"""{"user_id": {{FirstUser + i}}, "movie_id": 1010, "timestamp": {{stored + i}}, "key": "{{new string('k', 100)}}{{stored + i}}"}"""));
            using HttpResponseMessage response = await api.SendAsync("/events", $$"""{"events": [{{rows}}]}""");
            status = response.StatusCode;
            if (status == HttpStatusCode.OK)
            {
                stored += 500;
            }
            else
            {
                Assert.Contains("full", (await response.BodyAsync()).Text("detail"), StringComparison.Ordinal);
            }
        }
        while (status == HttpStatusCode.OK && stored < 100_000);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        long there = Enumerable.Range(0, 500).Sum(i => redis.GetDatabase().HashLength($"nanorecsys:user:{{{FirstUser + i}}}:events"));
        Assert.Equal(stored, there);
        Assert.Equal(10, (await api.PostAsync("/recommend", """{"user_id": 11}""")).MovieIds().Length);
    }
}
