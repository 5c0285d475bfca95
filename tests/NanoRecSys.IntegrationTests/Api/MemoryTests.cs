using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Cached answers in a replica's memory, told apart from those in Redis by deleting the latter.</summary>
public sealed class MemoryTests
{
    private const string Question = """{"user_id": 11, "k": 5}""";

    public static TheoryData<string> Kinds => CacheServer.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public async Task An_answer_in_memory_needs_no_Redis_and_is_invalidated_by_an_event_on_another_replica(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer here = await ApiServer.StartAsync(new RandomModel(521), cache.ConnectionString);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cache.ConnectionString);
        await UntilInMemoryAsync(there, cache);
        int[] before = (await there.PostAsync("/recommend", Question)).MovieIds();

        var waited = new List<double>(); // ms
        for (int round = 0; round < 15; round++)
        {
            await here.PostAsync("/events", $$"""{"user_id": 11, "movie_id": {{before[0]}}, "timestamp": {{round}}}""");
            var watch = Stopwatch.StartNew();
            while ((await there.PostAsync("/recommend", """{"user_id": 11, "k": 5, "include_history": true}""")).GetProperty("history").Ids().Length != 3 + round + 1)
            {
                Assert.InRange(watch.Elapsed.TotalSeconds, 0, 30);
            }

            waited.Add(watch.Elapsed.TotalMilliseconds);
        }

        TestContext.Current.SendDiagnosticMessage($"{kind}: an event was visible on the other replica after at most {waited.Max():F1} ms.");
        Assert.InRange(waited.Order().ElementAt(waited.Count / 2), 0, 1000); // The median. Without a notice it would wait forever.
        Assert.DoesNotContain(before[0], (await there.PostAsync("/recommend", Question)).MovieIds());
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task The_replica_that_stores_an_event_invalidates_its_answers_before_it_acknowledges(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(522), cache.ConnectionString);
        await UntilInMemoryAsync(api, cache);

        for (int round = 0; round < 30; round++)
        {
            int first = (await api.PostAsync("/recommend", Question)).MovieIds()[0];
            await api.PostAsync("/recommend", Question);
            await api.PostAsync("/events", $$"""{"user_id": 11, "movie_id": {{first}}, "type": "dislike"}""");

            Assert.DoesNotContain(first, (await api.PostAsync("/recommend", Question)).MovieIds());
        }
    }

    [Fact]
    public async Task While_notices_cannot_arrive_memory_is_not_used_and_its_answers_are_discarded()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis();
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(523), cache.ConnectionString + ApiServer.DefaultTimeout);
        await UntilInMemoryAsync(api, cache);

        cache.Freeze();
        await ApiServer.UntilAsync("answers are computed", async () => (await api.PostAsync("/recommend", Question)).Text("mode") == "degraded");
        Assert.Equal("degraded", (await api.PostAsync("/recommend", Question)).Text("mode"));
        cache.Thaw();
        await UntilInMemoryAsync(api, cache);

        cache.Kill();
        await ApiServer.UntilAsync("answers are computed", async () => (await api.PostAsync("/recommend", Question)).Text("mode") == "degraded");
        cache.Start();
        await UntilInMemoryAsync(api, cache);
    }

    [Fact]
    public async Task With_notices_five_seconds_late_an_event_takes_effect_before_its_notice()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using var slow = new SlowProxy(cache.ConnectionString);
        await using ApiServer here = await ApiServer.StartAsync(new RandomModel(524), cache.ConnectionString);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, slow.ConnectionString);
        await UntilInMemoryAsync(there, cache);
        slow.NoticeLag = TimeSpan.FromSeconds(5);
        await ApiServer.UntilAsync("heartbeats arrive, all of them late", () => Task.FromResult(slow.LateMessages > 8));
        int[] before = (await there.PostAsync("/recommend", Question)).MovieIds();
        await there.PostAsync("/recommend", Question);

        var watch = Stopwatch.StartNew();
        await here.PostAsync("/events", $$"""{"user_id": 11, "movie_id": {{before[0]}}, "type": "dislike"}""");
        await ApiServer.UntilAsync("the event is visible", async () => !(await there.PostAsync("/recommend", Question)).MovieIds().Contains(before[0]));

        Assert.True(watch.Elapsed < slow.NoticeLag, $"It was visible only after {watch.Elapsed}.");
        Assert.Equal("live", (await there.PostAsync("/recommend", Question)).Text("mode"));
    }

    private static async Task UntilInMemoryAsync(ApiServer api, CacheServer cache)
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{cache.ConnectionString},allowAdmin=true");
        await ApiServer.UntilAsync("the answer is in memory", async () =>
        {
            await api.PostAsync("/recommend", Question);
            foreach (RedisKey key in redis.GetServers()[0].Keys(pattern: "nanorecsys:answer:*").ToArray())
            {
                await redis.GetDatabase().KeyDeleteAsync(key);
            }

            return (await api.PostAsync("/recommend", Question)).Flag("served_from_cache");
        });
    }
}
