using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary><c>GET /events</c>, and <c>DELETE</c> by the keys that it lists.</summary>
public sealed class EventListTests
{
    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task The_latest_events_of_every_kind_are_found_by_user_and_item_and_deleted_by_their_keys(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(641), cache.ConnectionString);
        await api.PostAsync("/events", """
            {"events": [{"user_id": 11, "item_id": 1010, "key": "new:1"}, {"user_id": 11, "item_id": 1011, "timestamp": 1767225600, "rating": 4.5}, {"user_id": 5201, "item_id": 1010, "type": "like"}]}
            """);

        JsonElement all = default;
        await ApiServer.UntilAsync("3 events are listed", async () => (all = await api.GetAsync("/events")).GetProperty("events").GetArrayLength() == 3);
        JsonElement[] events = [.. all.GetProperty("events").EnumerateArray()];
        JsonElement[] ofItem = [.. (await api.GetAsync("/events?item=1010")).GetProperty("events").EnumerateArray()];
        JsonElement one = (await api.GetAsync("/events?user=11&item=1011")).GetProperty("events");

        Assert.Equal([5201, 11, 11], events.Select(row => row.GetProperty("user_id").GetInt32())); // newest first
        Assert.Equal(($"{DateTime.UtcNow:yyyy-MM-dd}", 3), (all.GetProperty("days")[0].Text("day"), all.GetProperty("days")[0].GetProperty("events").GetInt32()));
        Assert.Equal(14, all.GetProperty("days").GetArrayLength());
        Assert.Equal(["like", "watch"], ofItem.Select(row => row.Text("type")));
        Assert.Equal(("Movie 1011", 4.5, 1767225600), (one[0].Text("title"), one[0].GetProperty("rating").GetDouble(), one[0].GetProperty("timestamp").GetInt32()));
        Assert.Equal(1, (await api.GetAsync("/events?limit=1")).GetProperty("events").GetArrayLength());

        foreach (JsonElement row in events)
        {
            JsonElement deleted = await api.SendAsync(HttpMethod.Delete, $"/users/{row.GetProperty("user_id").GetInt32()}/events/{Uri.EscapeDataString(row.Text("key"))}");
            Assert.Equal(1, deleted.GetProperty("deleted").GetInt32());
        }

        Assert.Empty((await api.GetAsync("/events")).GetProperty("events").EnumerateArray());
        Assert.Empty((await api.GetAsync("/events?user=11")).GetProperty("events").EnumerateArray());
    }

    [Fact]
    public async Task References_are_bounded_and_removed_with_their_user()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(642), cache.ConnectionString);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        await api.PostAsync("/events", """{"user_id": 5201, "item_id": 1010}""");
        await api.PostAsync("/events", $$"""{"events": [{{string.Join(", ", Enumerable.Range(0, 1000).Select(i => $$"""{"user_id": {{6000 + i % 7}}, "item_id": 1011}"""))}}]}""");
        await ApiServer.UntilAsync("all events are counted", async () => (await api.GetAsync("/events")).GetProperty("days")[0].GetProperty("events").GetInt32() == 1001);

        Assert.Equal(1000, await redis.GetDatabase().SortedSetLengthAsync("nanorecsys:events:latest"));
        await api.SendAsync(HttpMethod.Delete, "/users/6003/events");

        RedisValue[] left = await redis.GetDatabase().SortedSetRangeByRankAsync("nanorecsys:events:latest");
        Assert.DoesNotContain(left, member => member.ToString().StartsWith("6003", StringComparison.Ordinal));
        Assert.True(left.Length > 800);
        using HttpResponseMessage wrong = await api.FetchAsync("/events?limit=201");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.StatusCode);
    }
}
