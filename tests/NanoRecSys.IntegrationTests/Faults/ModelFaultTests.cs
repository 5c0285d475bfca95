namespace NanoRecSys.IntegrationTests.Faults;

/// <summary>ONNX Runtime fails during a request: the network lacks the movies that this user watched.</summary>
public sealed class ModelFaultTests
{
    private const int WatchedBeyond = 110; // movies 1041 and 1042
    private const int Readable = 30;

    [Fact]
    public async Task A_fault_in_ranking_gives_popular_movies_degraded_counted_and_not_cached()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(421) { ReadableItems = Readable }, cache.ConnectionString);
        string ask = $$"""{"user_id": {{WatchedBeyond}}, "k": 3, "explain": true}""";

        JsonElement answer = await api.PostAsync("/recommend", ask);
        JsonElement again = await api.PostAsync("/recommend", ask);

        Assert.Equal([1001, 1002, 1003], answer.MovieIds());
        Assert.Equal("model_error", answer.GetProperty("debug_timing").Text("fallback_reason"));
        Assert.Equal("Popular: watched 60 times.", answer.GetProperty("explanations")[0].GetString());
        Assert.Equal("degraded", answer.Text("mode"));
        Assert.False(again.Flag("served_from_cache"));
        Assert.Equal((2, 2), await FailuresAsync(api));
        Assert.Equal("live", (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode")); // the network has this user's movies
    }

    [Fact]
    public async Task A_fault_in_explaining_gives_the_nearest_movies_as_reasons_degraded_counted_and_not_cached()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        // With published embeddings, only reasons need encoding.
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(422) { ReadableItems = Readable, Ranker = null, ServesFast = true }, cache.ConnectionString);
        string ask = $$"""{"user_id": {{WatchedBeyond}}, "k": 57}""";
        string askWhy = $$"""{"user_id": {{WatchedBeyond}}, "k": 57, "explain": true}""";

        JsonElement plain = await api.PostAsync("/recommend", ask);
        JsonElement answer = await api.PostAsync("/recommend", askWhy);
        JsonElement again = await api.PostAsync("/recommend", askWhy);

        Assert.Equal("live", plain.Text("mode"));
        Assert.Equal("degraded", answer.Text("mode"));
        Assert.Equal(plain.MovieIds(), answer.MovieIds());
        Assert.False(again.Flag("served_from_cache"));
        Assert.Equal((2, 2), await FailuresAsync(api));
        JsonElement[] reasons = [.. answer.GetProperty("reasons").EnumerateArray()];
        Assert.All(reasons, reason => Assert.Equal("similar", reason.Text("kind")));
        int likeBoth = Array.FindIndex(reasons, reason => reason.GetProperty("because").GetArrayLength() == 2);
        AssertContributionsDescend(reasons[likeBoth].GetProperty("because"));
        Assert.Matches("^Similar to Movie 104[12] and Movie 104[12], which you watched", answer.GetProperty("explanations")[likeBoth].GetString());
    }

    [Fact]
    public async Task A_fault_in_encoding_sampled_users_refuses_only_the_audience()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(423) { ReadableItems = Readable, Ranker = null });

        using HttpResponseMessage audience = await api.FetchAsync("/items/1001/audience");

        Assert.Equal(503, (int)audience.StatusCode);
        Assert.Equal("The model failed on this request; the log has the reason.", (await audience.BodyAsync()).Text("detail"));
        Assert.Equal(audience.Headers.GetValues("X-Request-Id").Single(), (await audience.BodyAsync()).Text("request_id"));
        Assert.Equal((1, 1), await FailuresAsync(api));
    }

    private static void AssertContributionsDescend(JsonElement because) => Assert.True(
        because[0].GetProperty("contribution").GetSingle() >= because[1].GetProperty("contribution").GetSingle());

    private static async Task<(long Errors, long OfTheModel)> FailuresAsync(ApiServer api)
    {
        JsonElement errors = (await api.GetAsync("/debug/telemetry")).GetProperty("errors");
        return ((await api.StatusAsync()).GetProperty("stats").GetProperty("errors").GetInt64(), errors.GetProperty("model").GetInt64());
    }
}
