namespace NanoRecSys.IntegrationTests.Api;

public sealed class ReplicaTelemetryTests
{
    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task Each_of_two_replicas_shows_the_requests_of_both(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer one = await ApiServer.StartAsync(new RandomModel(91), cache.ConnectionString);
        await using ApiServer other = await ApiServer.StartAsync(one.Store, cache.ConnectionString);
        await UntilItShowsAsync(one, telemetry => Replicas(telemetry) == 2);
        await UntilItShowsAsync(other, telemetry => Replicas(telemetry) == 2);
        var requestIds = new List<string>();
        for (int user = 1; user <= 3; user++)
        {
            requestIds.Add((await one.PostAsync("/recommend", $$"""{"user_id": {{user}}}""")).Text("request_id"));
        }

        requestIds.Add((await other.PostAsync("/recommend", """{"user_id": 11}""")).Text("request_id"));
        await other.SendAsync("/recommend", """{"user_id": null}""");

        foreach (ApiServer replica in new[] { one, other })
        {
            JsonElement telemetry = await UntilItShowsAsync(
                replica, shown => shown.GetProperty("requests").GetInt64() == 4 && shown.GetProperty("errors").EnumerateObject().Any());

            Assert.Equal("""{"live":1,"popular":3}""", telemetry.GetProperty("modes").GetRawText());
            Assert.Equal("""{"rejected":1}""", telemetry.GetProperty("errors").GetRawText());
            Assert.Equal(4, Stage(telemetry, "total").GetProperty("count").GetInt64());
            Assert.Equal(4, Stage(telemetry, "history").GetProperty("count").GetInt64());
            Assert.Equal(requestIds.Order(), Ids(telemetry, "recent").Order());
            Assert.Equal(requestIds.Order(), Ids(telemetry, "slowest").Order());
            Assert.Equal(4, telemetry.GetProperty("series").EnumerateArray().Sum(point => point.GetProperty("requests").GetInt64()));
        }
    }

    [Fact]
    public async Task A_stopped_replica_is_no_longer_counted_but_its_answers_are()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer one = await ApiServer.StartAsync(new RandomModel(92), cache.ConnectionString);
        await using (ApiServer other = await ApiServer.StartAsync(one.Store, cache.ConnectionString))
        {
            await UntilItShowsAsync(other, telemetry => Replicas(telemetry) == 2);
            await other.PostAsync("/recommend", """{"user_id": 11}""");
            await UntilItShowsAsync(one, telemetry => telemetry.GetProperty("requests").GetInt64() == 1);
        }

        JsonElement alone = await UntilItShowsAsync(one, telemetry => Replicas(telemetry) == 1);

        Assert.Equal(1, alone.GetProperty("requests").GetInt64());
    }

    [Fact]
    public async Task Replicas_exchange_figures_again_after_the_cache_was_unavailable()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer one = await ApiServer.StartAsync(new RandomModel(93), cache.ConnectionString);
        await using ApiServer other = await ApiServer.StartAsync(one.Store, cache.ConnectionString);
        await UntilItShowsAsync(one, telemetry => Replicas(telemetry) == 2);

        cache.Kill();
        await UntilItShowsAsync(one, telemetry => Replicas(telemetry) == 1);
        await one.PostAsync("/recommend", """{"user_id": 11}""");
        Assert.Equal(1, (await one.GetAsync("/debug/telemetry")).GetProperty("requests").GetInt64());

        cache.Start();
        await UntilItShowsAsync(one, telemetry => Replicas(telemetry) == 2);
        await UntilItShowsAsync(other, telemetry => Replicas(telemetry) == 2);
    }

    private static int Replicas(JsonElement telemetry) => telemetry.GetProperty("replicas").GetInt32();

    private static JsonElement Stage(JsonElement telemetry, string name) =>
        telemetry.GetProperty("stages").EnumerateArray().Single(stage => stage.Text("stage") == name);

    private static IEnumerable<string> Ids(JsonElement telemetry, string list) =>
        telemetry.GetProperty(list).EnumerateArray().Select(trace => trace.Text("request_id"));

    private static async Task<JsonElement> UntilItShowsAsync(ApiServer replica, Func<JsonElement, bool> condition)
    {
        JsonElement telemetry = default;
        await ApiServer.UntilAsync("the telemetry shows it", async () => condition(telemetry = await replica.GetAsync("/debug/telemetry?window=60")));
        return telemetry;
    }
}
