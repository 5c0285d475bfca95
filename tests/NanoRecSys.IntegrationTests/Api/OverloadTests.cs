namespace NanoRecSys.IntegrationTests.Api;

public sealed class OverloadTests
{
    private static readonly (string Name, string Value)[] OneAtATime = [("Overload:Concurrency", "1"), ("Overload:QueueLimit", "0")];

    [Fact]
    public async Task With_a_full_queue_requests_get_popular_movies_at_once_and_telemetry_counts_them()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(511), redis: null, OneAtATime);
        var degraded = new List<JsonElement>();
        int sent = 0;
        await ApiServer.UntilAsync("some found the queue full", async () =>
        {
            JsonElement[] answers = await Task.WhenAll(Enumerable.Range(1, 40).Select(k => api.PostAsync("/recommend", $$"""{"user_id": 11, "k": {{k}}}""")));
            sent += answers.Length;
            degraded.AddRange(answers.Where(answer => answer.Text("mode") == "degraded"));
            return degraded.Count > 0;
        });

        foreach (JsonElement answer in degraded)
        {
            Assert.Equal("""{"fallback_reason":"overloaded"}""", answer.GetProperty("debug_timing").GetRawText());
            // The most popular but for 1001, 1002 and 1003, which user 11 has seen.
            Assert.Equal(Enumerable.Range(1004, answer.MovieIds().Length), answer.MovieIds());
        }

        JsonElement telemetry = await api.GetAsync("/debug/telemetry?window=60");
        JsonElement load = telemetry.GetProperty("load");
        Assert.Equal(degraded.Count, load.GetProperty("shed").GetInt32());
        Assert.Equal(degraded.Count, telemetry.GetProperty("modes").GetProperty("degraded").GetInt32());
        Assert.Equal(sent, telemetry.GetProperty("requests").GetInt32());
        Assert.Equal((0, 1, 0, 0), (load.GetProperty("running").GetInt32(), load.GetProperty("concurrency").GetInt32(),
            load.GetProperty("queue_depth").GetInt32(), load.GetProperty("queue_limit").GetInt32()));
    }

    [Fact]
    public async Task With_a_full_queue_and_no_fallback_requests_get_a_503_with_retry_after()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(512), redis: null, [.. OneAtATime, ("Overload:Answer", "Refused")]);
        HttpResponseMessage? refused = null;
        await ApiServer.UntilAsync("one is refused", async () =>
        {
            HttpResponseMessage[] responses = await Task.WhenAll(Enumerable.Range(1, 40).Select(k => api.SendAsync("/recommend", $$"""{"user_id": 11, "k": {{k}}}""")));
            Assert.All(responses, response => Assert.True(response.StatusCode is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable, $"{response.StatusCode}"));
            refused = responses.FirstOrDefault(response => response.StatusCode == HttpStatusCode.ServiceUnavailable);
            return refused is not null;
        });

        Assert.Equal("1", refused!.Headers.RetryAfter!.ToString());
        Assert.Contains("are queued", (await refused.BodyAsync()).Text("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Waiting_for_a_turn_is_shown_in_the_waterfall()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(513), redis: null, ("Overload:Concurrency", "1"), ("Overload:LongestWait", "00:00:30"));

        await ApiServer.UntilAsync("one waited", async () =>
        {
            JsonElement[] answers = await Task.WhenAll(Enumerable.Range(1, 40).Select(k => api.PostAsync("/recommend", $$"""{"user_id": 11, "k": {{k}}}""")));
            Assert.All(answers, answer => Assert.Equal("live", answer.Text("mode")));
            return answers.Any(answer => answer.Stages() is ["cache.get", "history", "queue", "encode", "retrieve", "rank", "cache.set"]);
        });
    }
}
