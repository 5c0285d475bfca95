using System.Collections.Concurrent;
using System.Net.Http.Json;

namespace NanoRecSys.IntegrationTests.Faults;

public sealed class RedisFaultTests : IDisposable
{
    private const int FirstUser = 7000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Killed_under_load_again_and_again_it_costs_no_recommendation_and_no_acknowledged_event()
    {
        using var cache = new CacheServer.RedisCache("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "volatile-lru", "--dir", _folder.Path);
        cache.Start();
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(411), cache.ConnectionString, ("Events:MostPerUser", "100000")); // none moves out of the store
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

        await ApiServer.UntilAsync("all is live again", async () => (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode") == "live");
        Assert.Equal(3, acknowledged.Count);
        foreach ((int user, int count) in acknowledged)
        {
            // The last one sent may have been stored and not acknowledged.
            Assert.InRange((await api.GetAsync($"/users/{user}/history")).GetProperty("total").GetInt32(), count, count + 1);
        }

        Assert.Equal(0, (await api.StatusAsync()).GetProperty("stats").GetProperty("errors").GetInt64());
    }

    [Theory]
    [InlineData(100, "live")]
    [InlineData(4000, "degraded")] // far beyond every time-out, also of a machine so busy that these come late
    public async Task Slow_it_is_waited_for_or_done_without_and_never_hangs_a_request(int milliseconds, string mode)
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using var slow = new SlowProxy(cache.ConnectionString);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(412), slow.ConnectionString);
        await api.PostAsync("/recommend", """{"user_id": 11}""");

        slow.Delay = TimeSpan.FromMilliseconds(milliseconds);
        var watch = Stopwatch.StartNew();
        for (int request = 0; request < 5; request++)
        {
            Assert.Equal(mode, (await api.PostAsync("/recommend", """{"user_id": 11, "k": 5}""")).Text("mode"));
        }

        using HttpResponseMessage taken = await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010, "timestamp": 5}""");
        Assert.Equal(mode == "live" ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, taken.StatusCode);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 15);

        slow.Delay = TimeSpan.Zero;
        await ApiServer.UntilAsync("all is live again", async () => (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode") == "live");
        await ApiServer.UntilAsync("events are taken again", async () =>
            (await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010, "timestamp": 5}""")).StatusCode == HttpStatusCode.OK);
        Assert.Equal(4, (await api.GetAsync("/users/11/history")).GetProperty("total").GetInt32()); // once, whatever was sent twice
    }

    [Fact]
    public async Task Away_it_makes_a_history_a_part_of_itself_and_nobody_unknown()
    {
        using var cache = new CacheServer.RedisCache();
        cache.Start();
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(414), cache.ConnectionString);
        await api.PostAsync("/events", $$"""{"user_id": {{FirstUser}}, "movie_id": 1010}""");
        JsonElement before = await api.GetAsync("/users/11/history");
        Assert.False(before.Flag("degraded"));
        Assert.Equal(1010, Assert.Single(await api.HistoryAsync(FirstUser)));
        Assert.Equal(HttpStatusCode.NotFound, (await api.FetchAsync("/users/99999/history")).StatusCode);

        cache.Kill();

        await ApiServer.UntilAsync("the store is missed", async () => (await api.GetAsync("/users/11/history")).Flag("degraded"));
        JsonElement published = await api.GetAsync("/users/11/history");
        Assert.Equal(before.GetProperty("total").GetInt32(), published.GetProperty("total").GetInt32());
        JsonElement stored = await api.GetAsync($"/users/{FirstUser}/history");
        Assert.True(stored.Flag("degraded"));
        Assert.Equal(0, stored.GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task An_API_that_is_killed_has_lost_nothing_that_it_acknowledged()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        var store = new ArtifactStore(_folder.Path);
        new RandomModel(413).Publish(store);
        var environment = new Dictionary<string, string>
        {
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
            ["Artifacts__Path"] = store.Root,
            ["ConnectionStrings__cache"] = cache.ConnectionString,
        };
        int acknowledged = 0;
        using (ProgramProcess killed = ProgramProcess.Start("NanoRecSys.Api", environment))
        {
            using var http = new HttpClient { BaseAddress = await killed.Address };
            await ApiServer.UntilAsync("it is ready", async () => (await http.GetAsync(new Uri("/readyz", UriKind.Relative))).IsSuccessStatusCode);
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
            await ApiServer.UntilAsync("some are acknowledged", () => Task.FromResult(Volatile.Read(ref acknowledged) > 50));
            killed.Dispose(); // by SIGKILL
            await writer;
        }

        await using ApiServer next = await ApiServer.StartAsync(store, cache.ConnectionString);
        JsonElement history = await next.GetAsync($"/users/{FirstUser}/history");

        Assert.InRange(history.GetProperty("total").GetInt32(), acknowledged, acknowledged + 1);
    }
}
