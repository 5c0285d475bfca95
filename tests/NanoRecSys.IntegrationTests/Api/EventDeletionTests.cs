using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class EventDeletionTests
{
    private const string Question = """{"user_id": 5201, "k": 5, "include_history": true}""";

    public static TheoryData<string> Kinds => CacheServer.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public async Task Deleting_a_user_s_events_takes_effect_at_once_on_every_replica_and_leaves_no_trace(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer here = await ApiServer.StartAsync(new RandomModel(621), cache.ConnectionString);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cache.ConnectionString);
        await here.PostAsync("/events", """{"events": [{"user_id": 5201, "movie_id": 1010}, {"user_id": 5201, "movie_id": 1011}, {"user_id": 5202, "movie_id": 1012}]}""");
        await there.PostAsync("/recommend", Question);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        await ApiServer.UntilAsync("the answer is stored", () => Task.FromResult(redis.GetServers()[0].Keys(pattern: "nanorecsys:answer:*:u{5201}:*").Any()));
        await ApiServer.UntilAsync("the list is recorded", () => redis.GetDatabase().KeyExistsAsync("nanorecsys:user:{5201}:shown"));

        using HttpResponseMessage response = await here.Client.DeleteAsync(new Uri("/users/5201/events", UriKind.Relative));

        Assert.Equal((HttpStatusCode.OK, 2), (response.StatusCode, (await response.BodyAsync()).GetProperty("deleted").GetInt32()));
        Assert.DoesNotContain(redis.GetServers()[0].Keys(), key => key.ToString().Contains("5201", StringComparison.Ordinal));
        Assert.Equal("unknown_user", (await here.PostAsync("/recommend", Question)).GetProperty("debug_timing").Text("fallback_reason"));
        await ApiServer.UntilAsync("the notice has arrived", async () => (await there.PostAsync("/recommend", Question)).GetProperty("history").Ids().Length == 0);
        int[] others = await here.HistoryAsync(5202);
        Assert.Equal([1012], others);
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task Events_deleted_directly_in_Redis_leave_memory_and_cache_and_new_ones_are_read(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(622), cache.ConnectionString);
        await api.PostAsync("/events", """{"events": [{"user_id": 5201, "movie_id": 1010, "timestamp": 1}, {"user_id": 5201, "movie_id": 1011, "timestamp": 2}]}""");
        await ApiServer.UntilAsync("the answer is cached", async () => (await api.PostAsync("/recommend", Question)).Flag("served_from_cache"));
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);

        await redis.GetDatabase().KeyDeleteAsync("nanorecsys:user:{5201}:events");
        await ApiServer.UntilAsync("the deletion is detected", async () => (await api.PostAsync("/recommend", Question)).GetProperty("history").Ids().Length == 0);

        await api.PostAsync("/events", """{"events": [{"user_id": 5201, "movie_id": 1020, "timestamp": 1}, {"user_id": 5201, "movie_id": 1021, "timestamp": 2}]}""");
        JsonElement after = await api.PostAsync("/recommend", Question);
        Assert.Equal([1020, 1021], after.GetProperty("history").Ids());
        Assert.Equal("live", after.Text("mode"));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task An_event_deleted_by_its_key_disappears_everywhere_and_can_be_stored_again(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer here = await ApiServer.StartAsync(new RandomModel(625), cache.ConnectionString);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cache.ConnectionString);
        const string Second = """{"user_id": 5201, "movie_id": 1011, "key": "a/b c"}""";
        await here.PostAsync("/events", """{"user_id": 5201, "movie_id": 1010, "key": "first"}""");
        await here.PostAsync("/events", Second);
        Assert.Equal((int[])[1010, 1011], (await there.PostAsync("/recommend", Question)).GetProperty("history").Ids());

        int[] deleted = [await DeleteAsync(here, "a%2Fb%20c"), await DeleteAsync(here, "a%2Fb%20c"), await DeleteAsync(here, "never-sent")];

        Assert.Equal([1, 0, 0], deleted);
        Assert.Equal((int[])[1010], (await here.PostAsync("/recommend", Question)).GetProperty("history").Ids());
        await ApiServer.UntilAsync("the notice has arrived", async () => (await there.PostAsync("/recommend", Question)).GetProperty("history").Ids() is [1010]);
        await here.PostAsync("/events", Second);
        Assert.Equal((int[])[1010, 1011], (await here.PostAsync("/recommend", Question)).GetProperty("history").Ids());

        static async Task<int> DeleteAsync(ApiServer api, string key)
        {
            using HttpResponseMessage response = await api.Client.DeleteAsync(new Uri($"/users/5201/events/{key}", UriKind.Relative));
            return (await response.BodyAsync()).GetProperty("deleted").GetInt32();
        }
    }

    [Fact]
    public async Task Deleting_requires_a_valid_id_a_store_and_a_key_where_writing_does()
    {
        await using ApiServer locked = await ApiServer.StartAsync(new RandomModel(623), null, ("Security:WriteKeys:0", new string('a', 64)));
        await using ApiServer open = await ApiServer.StartAsync(new RandomModel(624));

        Assert.Equal(HttpStatusCode.Unauthorized, await DeleteAsync(locked, "5201"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await DeleteAsync(open, "a%09b"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await DeleteAsync(open, "5201"));
    }

    private static async Task<HttpStatusCode> DeleteAsync(ApiServer api, string id)
    {
        using HttpResponseMessage response = await api.Client.DeleteAsync(new Uri($"/users/{id}/events", UriKind.Relative));
        return response.StatusCode;
    }
}
