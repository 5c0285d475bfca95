using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text;
using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Faults;

public sealed class RedisFaultTests : IDisposable
{
    private const int FirstUser = 7000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Repeated_kills_under_load_fail_no_recommendation_and_lose_no_acknowledged_event()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "volatile-lru", "--dir", _folder.Path);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(411), cache.ConnectionString, ("Events:MostPerUser", "100000")); // none is archived
        var acknowledged = new ConcurrentDictionary<int, int>();
        using var stop = new CancellationTokenSource();
        Task[] clients = [.. Enumerable.Range(0, 6).Select(client => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                if (client % 2 == 0)
                {
                    Assert.Equal(10, (await api.PostAsync("/recommend", """{"user_id": 11}""")).MovieIds().Length);
                    continue;
                }

                int user = FirstUser + client;
                int count = acknowledged.GetValueOrDefault(user);
                using HttpResponseMessage response = await api.SendAsync("/events", $$"""{"user_id": {{user}}, "movie_id": {{1001 + count % 60}}, "timestamp": {{count}}}""");
                Assert.True(response.StatusCode is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable, $"{response.StatusCode}");
                if (response.StatusCode == HttpStatusCode.OK)
                {
                    acknowledged[user] = count + 1;
                }
            }
        }))];

        for (int round = 0; round < 3; round++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
            cache.Kill();
            await Task.Delay(TimeSpan.FromMilliseconds(500), TestContext.Current.CancellationToken);
            cache.Start();
        }

        await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        await stop.CancelAsync();
        await Task.WhenAll(clients);

        await ApiServer.UntilAsync("answers are live again", async () => (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode") == "live");
        Assert.Equal(3, acknowledged.Count);
        foreach ((int user, int count) in acknowledged)
        {
            // The last one sent may have been stored without an acknowledgement.
            Assert.InRange((await api.GetAsync($"/users/{user}/history")).GetProperty("total").GetInt32(), count, count + 1);
        }

        Assert.Equal(0, (await api.StatusAsync()).GetProperty("stats").GetProperty("errors").GetInt64());
    }

    [Theory]
    [InlineData(100, "live")]
    [InlineData(4000, "degraded")] // far beyond every timeout, even on a machine so busy that timeouts fire late
    public async Task A_slow_Redis_never_hangs_a_request(int milliseconds, string mode)
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using var slow = new SlowProxy(cache.ConnectionString);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(412), slow.ConnectionString + ApiServer.DefaultTimeout);
        await api.PostAsync("/recommend", """{"user_id": 11}""");

        slow.Delay = TimeSpan.FromMilliseconds(milliseconds);
        var watch = Stopwatch.StartNew();
        for (int request = 0; request < 5; request++)
        {
            Assert.Equal(mode, (await api.PostAsync("/recommend", """{"user_id": 11, "k": 5}""")).Text("mode"));
        }

        using HttpResponseMessage response = await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010, "timestamp": 5}""");
        Assert.Equal(mode == "live" ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 15);

        slow.Delay = TimeSpan.Zero;
        await ApiServer.UntilAsync("answers are live again", async () => (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode") == "live");
        await ApiServer.UntilAsync("events are accepted again", async () =>
            (await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010, "timestamp": 5}""")).StatusCode == HttpStatusCode.OK);
        Assert.Equal(4, (await api.GetAsync("/users/11/history")).GetProperty("total").GetInt32()); // stored once, even if it was sent twice
    }

    [Fact]
    public async Task Without_Redis_a_history_is_marked_degraded_and_no_user_is_unknown()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis();
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(414), cache.ConnectionString);
        await api.PostAsync("/events", $$"""{"user_id": {{FirstUser}}, "movie_id": 1010}""");
        JsonElement before = await api.GetAsync("/users/11/history");
        Assert.False(before.Flag("degraded"));
        Assert.Equal(1010, Assert.Single(await api.HistoryAsync(FirstUser)));
        Assert.Equal(HttpStatusCode.NotFound, (await api.FetchAsync("/users/99999/history")).StatusCode);

        cache.Kill();

        await ApiServer.UntilAsync("the outage is detected", async () => (await api.GetAsync("/users/11/history")).Flag("degraded"));
        JsonElement published = await api.GetAsync("/users/11/history");
        Assert.Equal(before.GetProperty("total").GetInt32(), published.GetProperty("total").GetInt32());
        JsonElement stored = await api.GetAsync($"/users/{FirstUser}/history");
        Assert.True(stored.Flag("degraded"));
        Assert.Equal(0, stored.GetProperty("total").GetInt32());
    }

    // What another program, an operator or an unfinished repair may leave in the store: each key in turn gets a foreign value, then another type.
    [Fact]
    public async Task Foreign_values_in_every_key_cause_no_500_and_end_no_background_work()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(415), cache.ConnectionString);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        IDatabase database = redis.GetDatabase();
        (HttpMethod Method, string Path, string? Body)[] calls =
        [
            (HttpMethod.Post, "/recommendations", """{"user_id": 11, "k": 3, "exclude_shown": 1}"""), (HttpMethod.Post, "/recommend", """{"user_id": 7000}"""),
            (HttpMethod.Post, "/events", $$"""{"events": [{{string.Join(',', Enumerable.Range(1001, 60).Select(item => $$"""{"user_id": 11, "item_id": {{item}}, "type": "view"}"""))}}]}"""), (HttpMethod.Get, "/events", null),
            (HttpMethod.Post, "/events", """{"events": [{"user_id": 7000, "item_id": 1011}, {"user_id": 12, "item_id": 1012}]}"""),
            (HttpMethod.Post, "/items", """{"item_id": 5001, "title": "Added", "categories": ["Drama"]}"""), (HttpMethod.Delete, "/items/5001", null),
            (HttpMethod.Put, "/rules", """{"version": 0, "rules": []}"""), (HttpMethod.Get, "/rules", null), (HttpMethod.Get, "/outcomes", null),
            (HttpMethod.Get, "/users", null), (HttpMethod.Get, "/users/11/history", null), (HttpMethod.Get, "/users/11/lists", null), (HttpMethod.Get, "/debug/status", null),
            (HttpMethod.Get, "/debug/telemetry", null), (HttpMethod.Delete, "/users/7000/events", null), (HttpMethod.Delete, "/users/12", null),
        ];
        await CallAsync("as it is");
        await CallAsync("as it is, again");
        RedisKey[] keys = [.. redis.GetServers()[0].Keys()];
        string[] expected =
        [
            "epoch", "events:latest", "forgotten", "items", "items:revision", "rules", "user:{11}:events", "user:{11}:revision", "user:{11}:shown", "user:{11}:taken", "user:{12}:forgotten",
        ];
        Assert.Empty(expected.Select(name => (RedisKey)$"nanorecsys:{name}").Except(keys));

        foreach (RedisKey key in keys)
        {
            byte[]? before = await database.KeyDumpAsync(key);
            RedisType type = await database.KeyTypeAsync(key);
            foreach (Func<Task> write in (Func<Task>[])[() => WriteForeignAsync(database, key, type), () => database.StringSetAsync(key, "foreign"), () => database.HashSetAsync(key, "foreign", "foreign")])
            {
                await database.KeyDeleteAsync(key);
                await write();
                await CallAsync($"{key} ({type}) is {await database.KeyTypeAsync(key)}");
            }

            await database.KeyDeleteAsync(key);
            await (before is null ? Task.CompletedTask : database.KeyRestoreAsync(key, before));
        }

        // All keys at once, until every background service has read them.
        foreach (RedisKey key in keys)
        {
            RedisType type = await database.KeyTypeAsync(key);
            await database.KeyDeleteAsync(key);
            await WriteForeignAsync(database, key, type);
        }

        await Task.Delay(TimeSpan.FromSeconds(5.5), TestContext.Current.CancellationToken);
        await CallAsync("all are foreign");
        Assert.All(api.Background, service => Assert.NotEqual(TaskStatus.Faulted, service.ExecuteTask?.Status));
        await database.KeyDeleteAsync([.. redis.GetServers()[0].Keys()]);
        await ApiServer.UntilAsync("answers are live again", async () => (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode") == "live");

        async Task CallAsync(string state)
        {
            foreach ((HttpMethod method, string path, string? body) in calls)
            {
                using HttpRequestMessage request = new(method, new Uri(path, UriKind.Relative)) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
                using HttpResponseMessage response = await api.Client.SendAsync(request, TestContext.Current.CancellationToken);
                Assert.True(response.StatusCode != HttpStatusCode.InternalServerError, $"{method} {path} while {state}: {await response.Content.ReadAsStringAsync()}");
            }
        }
    }

    private static Task WriteForeignAsync(IDatabase database, RedisKey key, RedisType type) => type switch
    {
        RedisType.Hash => database.HashSetAsync(key, [new("", ""), new("foreign", "foreign"), new("11", "-1"), new(new byte[] { 0xff, 0x00 }, new byte[] { 0x80, 0xfe })]),
        RedisType.List => database.ListLeftPushAsync(key, ["", "foreign", new byte[] { 0xff, 0x00, 0x0a }]),
        RedisType.Set => database.SetAddAsync(key, ["", "foreign", new byte[] { 0xff, 0x00, 0x0a }]),
        RedisType.SortedSet => database.SortedSetAddAsync(key, [new("", double.PositiveInfinity), new("foreign", -1)]),
        _ => database.StringSetAsync(key, new byte[] { 0xff, 0x00, 0x80, 0x41 }),
    };

    [Fact]
    public async Task A_killed_API_loses_no_acknowledged_event()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        var store = new ArtifactStore(_folder.Path);
        new RandomModel(413).Publish(store);
        int acknowledged = 0;
        using (ProgramProcess killed = ProgramProcess.StartApi(store.Root, ("ConnectionStrings__cache", cache.ConnectionString)))
        {
            using var http = new HttpClient { BaseAddress = await killed.Address };
            await ApiServer.UntilReadyAsync(http);
            Task writer = Task.Run(async () =>
            {
                try
                {
                    while (true)
                    {
                        using HttpResponseMessage response = await http.PostAsJsonAsync("/events", new { user_id = FirstUser, movie_id = 1001 + acknowledged % 60, timestamp = acknowledged });
                        acknowledged += response.IsSuccessStatusCode ? 1 : 0;
                    }
                }
                catch (HttpRequestException)
                {
                    // It was killed.
                }
            });
            await ApiServer.UntilAsync("some events are acknowledged", () => Task.FromResult(Volatile.Read(ref acknowledged) > 50));
            killed.Dispose(); // by SIGKILL
            await writer;
        }

        await using ApiServer next = await ApiServer.StartAsync(store, cache.ConnectionString);
        JsonElement history = await next.GetAsync($"/users/{FirstUser}/history");

        Assert.InRange(history.GetProperty("total").GetInt32(), acknowledged, acknowledged + 1);
    }
}
