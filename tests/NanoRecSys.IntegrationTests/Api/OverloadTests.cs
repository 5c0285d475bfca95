namespace NanoRecSys.IntegrationTests.Api;

public sealed class OverloadTests
{
    private static readonly (string Name, string Value)[] OneAtATime = [("Overload:Concurrency", "1"), ("Overload:QueueLimit", "0")];

    [Fact]
    public async Task With_a_full_queue_requests_get_popular_movies_at_once_and_telemetry_counts_them()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(511), redis: null, OneAtATime);
        JsonElement[] degraded;
        using (await api.Limiter.EnterAsync())
        {
            degraded = await Task.WhenAll(Enumerable.Range(1, 40).Select(k => api.PostAsync("/recommend", $$"""{"user_id": 11, "k": {{k}}}""")));
        }

        foreach (JsonElement answer in degraded)
        {
            Assert.Equal("degraded", answer.Text("mode"));
            Assert.Equal("""{"fallback_reason":"overloaded"}""", answer.GetProperty("debug_timing").GetRawText());
            // The most popular movies except 1001 to 1003, which user 11 has seen.
            Assert.Equal(Enumerable.Range(1004, answer.MovieIds().Length), answer.MovieIds());
        }

        JsonElement telemetry = await api.GetAsync("/debug/telemetry?window=60");
        JsonElement load = telemetry.GetProperty("load");
        Assert.Equal(40, load.GetProperty("shed").GetInt32());
        Assert.Equal(40, telemetry.GetProperty("modes").GetProperty("degraded").GetInt32());
        Assert.Equal(40, telemetry.GetProperty("requests").GetInt32());
        Assert.Equal((0, 1, 0, 0), (load.GetProperty("running").GetInt32(), load.GetProperty("concurrency").GetInt32(),
            load.GetProperty("queue_depth").GetInt32(), load.GetProperty("queue_limit").GetInt32()));
    }

    [Fact]
    public async Task With_a_full_queue_and_no_fallback_requests_get_a_503_with_retry_after()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(512), redis: null, [.. OneAtATime, ("Overload:Answer", "Refused")]);
        using IDisposable? permit = await api.Limiter.EnterAsync();

        using HttpResponseMessage refused = await api.SendAsync("/recommend", """{"user_id": 11}""");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("1", refused.Headers.RetryAfter!.ToString());
        Assert.Contains("are queued", (await refused.BodyAsync()).Text("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Time_in_the_queue_is_shown_in_the_waterfall()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(513), redis: null, ("Overload:Concurrency", "1"), ("Overload:LongestWait", "00:00:30"));

        Task<JsonElement> waiting;
        using (await api.Limiter.EnterAsync())
        {
            waiting = api.PostAsync("/recommend", """{"user_id": 11}""");
            await ApiServer.UntilAsync("the request is queued", () => Task.FromResult(api.Limiter.Read().QueueDepth == 1));
        }

        JsonElement answer = await waiting;
        Assert.Equal("live", answer.Text("mode"));
        Assert.Equal(["cache.get", "history", "queue", "encode", "retrieve", "rank", "cache.set"], answer.Stages());
    }
}
