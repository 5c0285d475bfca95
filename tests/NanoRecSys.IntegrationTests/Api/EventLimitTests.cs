using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>A user with very many events does not affect other users.</summary>
public sealed class EventLimitTests
{
    [Fact]
    public async Task A_user_with_300000_events_in_Redis_is_answered_without_them_and_others_as_usual()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(632), cache.ConnectionString);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{cache.ConnectionString},asyncTimeout=60000");
        foreach (int[] some in Enumerable.Range(0, 300_000).Chunk(10_000))
        {
            await redis.GetDatabase().HashSetAsync("nanorecsys:user:{5301}:events", [.. some.Select(i =>
                new HashEntry($"at:{i}", $$"""{"movie_id":{{1001 + i % 60}},"timestamp":{{i}},"type":"watch","received":{{i}}}"""))]);
        }

        var giant = Task.WhenAll(Enumerable.Range(0, 8).Select(async client =>
        {
            for (int i = 0; i < 20; i++)
            {
                JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": 5301, "k": {{1 + client}}}""");
                Assert.Equal(("degraded", "events_unavailable"), (answer.Text("mode"), answer.GetProperty("debug_timing").Text("fallback_reason")));
            }
        }));
        while (!giant.IsCompleted)
        {
            Assert.Equal("live", (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode"));
            await api.PostAsync("/events", """{"user_id": 11, "movie_id": 1010, "timestamp": 5}""");
        }

        await giant;
    }
}
