using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>The response of <c>POST /events</c> reports exactly what is stored.</summary>
public sealed class EventTruthTests
{
    private const int User = 5101;
    private const string Event = """{"user_id": 5101, "movie_id": 1010, "timestamp": 1000, "key": "a"}""";

    public static TheoryData<string> Kinds => CacheServer.Kinds;

    [Theory]
    [InlineData("NOREPLICAS", "--min-replicas-to-write", "1")]
    [InlineData("full", "--maxmemory", "1mb")]
    public async Task A_store_that_refuses_writes_is_reported_with_its_reason_in_the_answer_and_the_status(string reason, params string[] options)
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis(options);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(611), cache.ConnectionString);

        using HttpResponseMessage response = await api.SendAsync("/events", Event);
        string detail = (await response.BodyAsync()).Text("detail");
        JsonElement ready = await api.GetAsync("/readyz");
        using HttpResponseMessage deletion = await api.Client.DeleteAsync(new Uri($"/users/{User}/events", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, deletion.StatusCode);
        Assert.EndsWith("Nothing was deleted.", (await deletion.BodyAsync()).Text("detail"), StringComparison.Ordinal);
        Assert.DoesNotContain((await api.StatusAsync()).GetProperty("warnings").Texts(), warning => warning.Contains("EXECABORT", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains(reason, detail, StringComparison.Ordinal);
        Assert.Contains("othing was stored", detail, StringComparison.Ordinal);
        Assert.Equal(("degraded", false), (ready.Text("mode"), ready.GetProperty("redis").Flag("writable")));
        Assert.Contains(ready.GetProperty("warnings").Texts(), warning => warning.StartsWith("Redis refuses writes", StringComparison.Ordinal));

        await cache.ExecuteAsync("CONFIG", "SET", options[0].TrimStart('-'), "0");
        await ApiServer.UntilAsync("writing works again", async () => (await api.GetAsync("/readyz")).GetProperty("redis").Flag("writable"));
        Assert.Equal(1, (await api.PostAsync("/events", Event)).GetProperty("stored").GetInt32());
        Assert.Equal("live", (await api.GetAsync("/readyz")).Text("mode"));
    }

    [Fact]
    public async Task A_read_only_replica_of_Redis_is_reported_as_not_writable()
    {
        using CacheServer master = CacheServer.Start(CacheServer.Redis);
        using CacheServer.RedisCache replica = CacheServer.StartRedis("--replicaof", "127.0.0.1", master.ConnectionString.Split(':')[1]);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(612), replica.ConnectionString);

        using HttpResponseMessage response = await api.SendAsync("/events", Event);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.DoesNotContain("full", (await response.BodyAsync()).Text("detail"), StringComparison.Ordinal);
        await ApiServer.UntilAsync("the status reports it", async () => (await api.StatusAsync()).GetProperty("warnings").Texts()
            .Any(warning => warning.Contains("read-only replica", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("-hsetnx")]
    [InlineData("resetchannels")] // publishing notices is not permitted
    public async Task A_command_that_is_not_permitted_stores_nothing_and_the_answer_says_so(string denied)
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis();
        await cache.ExecuteAsync("ACL", "SETUSER", "api", "on", ">secret", "~*", "&*", "+@all", denied);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(613), $"{cache.ConnectionString},user=api,password=secret");

        using HttpResponseMessage response = await api.SendAsync("/events", Event);

        string detail = (await response.BodyAsync()).Text("detail");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("not permitted", detail, StringComparison.Ordinal);
        Assert.EndsWith("Nothing was stored.", detail, StringComparison.Ordinal);
        Assert.Equal(0, (int)await cache.ExecuteAsync("EXISTS", "nanorecsys:user:{5101}:events"));
        Assert.False((await api.StatusAsync()).GetProperty("redis").Flag("writable"));
    }

    [Fact]
    public async Task A_foreign_value_in_one_users_key_refuses_the_whole_batch()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis();
        await cache.ExecuteAsync("SET", "nanorecsys:user:{5102}:events", "foreign");
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(614), cache.ConnectionString);

        using HttpResponseMessage response = await api.SendAsync("/events", $$"""
            {"events": [{"user_id": {{User}}, "movie_id": 1010, "key": "a"}, {"user_id": 5102, "movie_id": 1010, "key": "a"}, {"user_id": {{User}}, "movie_id": 1011, "key": "b"}]}
            """);

        string detail = (await response.BodyAsync()).Text("detail");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("WRONGTYPE", detail, StringComparison.Ordinal);
        Assert.EndsWith("Nothing was stored.", detail, StringComparison.Ordinal);
        Assert.Equal(0, (int)await cache.ExecuteAsync("HLEN", $"nanorecsys:user:{{{User}}}:events"));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_repeated_event_without_a_timestamp_is_a_duplicate_at_any_time(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(616), cache.ConnectionString);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        // Stored a minute ago with the server's time.
        long before = DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeSeconds();
        await redis.GetDatabase().HashSetAsync("nanorecsys:user:{5101}:events", "key:visit",
            $$"""{"movie_id":1010,"timestamp":{{before}},"type":"watch","received":{{before}}000000}""");

        JsonElement again = await api.PostAsync("/events", """{"user_id": 5101, "movie_id": 1010, "key": "visit"}""");
        using HttpResponseMessage other = await api.SendAsync("/events", """{"user_id": 5101, "movie_id": 1011, "key": "visit"}""");

        Assert.Equal((0, 1), (again.GetProperty("stored").GetInt32(), again.GetProperty("duplicates").GetInt32()));
        Assert.Equal("key_reused", (await other.BodyAsync()).GetProperty("detail")[0].Text("type"));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task Fifty_concurrent_requests_with_one_event_store_it_once(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(617), cache.ConnectionString);
        for (int round = 0; round < 10; round++)
        {
            string body = $$"""{"user_id": 5101, "movie_id": 1010, "timestamp": {{1000 + round}}, "key": "k{{round}}"}""";

            JsonElement[] receipts = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => api.PostAsync("/events", body)));

            Assert.Equal((1, 49), (receipts.Sum(receipt => receipt.GetProperty("stored").GetInt32()), receipts.Sum(receipt => receipt.GetProperty("duplicates").GetInt32())));
        }
    }
}
