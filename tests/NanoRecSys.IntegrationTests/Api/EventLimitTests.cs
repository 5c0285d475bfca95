using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>A user with many events costs nobody else anything.</summary>
public sealed class EventLimitTests
{
    public static TheoryData<string> Kinds => CacheServer.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public async Task Beyond_the_limit_events_are_refused_by_name_and_repeated_ones_are_still_duplicates(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(631), cache.ConnectionString, ("Events:MaxPerUser", "3"));
        string Row(int movie) => $$"""{"user_id": 5301, "movie_id": {{movie}}, "timestamp": {{movie}}}""";
        await api.PostAsync("/events", $$"""{"events": [{{Row(1010)}}, {{Row(1011)}}, {{Row(1012)}}]}""");

        JsonElement receipt = await api.PostAsync("/events", $$"""{"events": [{{Row(1013)}}, {{Row(1011)}}, {"user_id": 5302, "movie_id": 1010}]}""");

        Assert.Equal((1, 1), (receipt.GetProperty("stored").GetInt32(), receipt.GetProperty("duplicates").GetInt32()));
        JsonElement refused = Assert.Single(receipt.GetProperty("refused").EnumerateArray());
        Assert.Equal((0, "too_many_events"), (refused.GetProperty("index").GetInt32(), refused.GetProperty("errors")[0].Text("type")));
        int[] history = await api.HistoryAsync(5301);
        Assert.Equal([1012, 1011, 1010], history);
    }

    [Fact]
    public async Task A_user_with_300000_events_in_Redis_is_answered_without_them_and_others_as_ever()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(632), cache.ConnectionString);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{cache.ConnectionString},asyncTimeout=60000");
        foreach (int[] some in Enumerable.Range(0, 300_000).Chunk(10_000))
        {
            await redis.GetDatabase().HashSetAsync("nanorecsys:events:user:5301", [.. some.Select(i =>
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
