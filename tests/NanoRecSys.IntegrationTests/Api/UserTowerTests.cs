namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Which user tower is used, and when none is needed.</summary>
public sealed class UserTowerTests
{
    private const string UserEmbeddings = "Models:UserEmbeddings";
    private const string Precision = "Models:UserTower";

    [Fact]
    public async Task A_known_user_is_answered_from_the_published_embedding_and_a_session_is_encoded()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(601) { Ranker = null, ServesFast = true });

        JsonElement known = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}, "k": 57}""");
        JsonElement session = await api.PostAsync("/recommend/session", """{"movie_ids": [1003, 1001, 1002], "k": 57}""");

        Assert.Equal(1000 + RandomModel.Items, known.MovieIds()[0]); // planted: every user has the embedding of the last movie
        Assert.Equal(1, known.GetProperty("scores")[0].GetSingle(), 1e-3f);
        Assert.NotEqual(known.MovieIds(), session.MovieIds());
    }

    [Fact]
    public async Task A_history_with_a_new_event_is_encoded()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(602) { Ranker = null, ServesFast = true }, cache.ConnectionString);
        string ask = $$"""{"user_id": {{RandomModel.QuietUser}}, "k": 5}""";
        JsonElement before = await api.PostAsync("/recommend", ask);

        await api.PostAsync("/events", $$"""{"user_id": {{RandomModel.QuietUser}}, "movie_id": 1010}""");
        JsonElement after = await api.PostAsync("/recommend", ask);

        JsonElement session = await api.PostAsync("/recommend/session", """{"movie_ids": [1003, 1001, 1002, 1010], "k": 5}""");
        Assert.NotEqual(session.MovieIds(), before.MovieIds());
        Assert.Equal(session.MovieIds(), after.MovieIds());
    }

    [Theory]
    [InlineData("int8", "onnx-int8")]
    [InlineData("fp32", "onnx")]
    public async Task A_setting_selects_the_served_tower_and_both_answer_alike(string precision, string backend)
    {
        var model = new RandomModel(603) { Ranker = null, ServesFast = true };
        await using ApiServer api = await ApiServer.StartAsync(model, redis: null, (Precision, precision), (UserEmbeddings, "false"));
        await using ApiServer exact = await ApiServer.StartAsync(new RandomModel(603) { Ranker = null });

        JsonElement status = await api.GetAsync("/debug/status");
        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}, "k": 57}""");
        JsonElement expected = await exact.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}, "k": 57}""");

        Assert.Equal(backend, status.GetProperty("user_tower_backend").GetString());
        Dictionary<int, float> scores = answer.MovieIds().Zip(answer.GetProperty("scores").EnumerateArray().Select(score => score.GetSingle())).ToDictionary();
        Assert.All(expected.MovieIds().Zip(expected.GetProperty("scores").EnumerateArray()), pair =>
            Assert.Equal(pair.Second.GetSingle(), scores[pair.First], precision == "int8" ? 0.03f : 1e-6f));
    }

    [Fact]
    public async Task By_default_the_faster_tower_is_served_and_a_version_without_8_bits_serves_32()
    {
        await using ApiServer both = await ApiServer.StartAsync(new RandomModel(604) { ServesFast = true });
        await using ApiServer one = await ApiServer.StartAsync(new RandomModel(604));

        Assert.Contains((await both.GetAsync("/debug/status")).GetProperty("user_tower_backend").GetString(), new[] { "onnx", "onnx-int8" });
        Assert.Equal("onnx", (await one.GetAsync("/debug/status")).GetProperty("user_tower_backend").GetString());
    }

    [Fact]
    public async Task A_version_whose_8_bit_graph_needs_a_missing_operator_serves_32()
    {
        await using ApiServer api = await ApiServer.StartAsync(
            new RandomModel(606) { ServesFast = true, HasUnknownOperator = true }, redis: null, (UserEmbeddings, "false"));

        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}, "k": 5}""");

        Assert.Equal("onnx", (await api.GetAsync("/debug/status")).GetProperty("user_tower_backend").GetString());
        Assert.Equal(5, answer.MovieIds().Length);
    }

    [Fact]
    public async Task Such_a_version_is_refused_with_the_remedy_when_8_bits_are_required()
    {
        await using ApiServer api = ApiServer.Start(redis: null, (Precision, "int8"));

        new RandomModel(607) { ServesFast = true, HasUnknownOperator = true }.Publish(api.Store);

        await ApiServer.UntilAsync("the refusal is reported", async () => (await api.StatusAsync()).GetProperty("errors").Texts().Any(text =>
            text.Contains("user_tower.int8.onnx needs operators that are not available here", StringComparison.Ordinal) &&
            text.Contains("Set Models:UserTower to auto or fp32", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Reasons_are_measured_in_32_bits_whichever_tower_serves()
    {
        await using ApiServer fast = await ApiServer.StartAsync(
            new RandomModel(605) { Ranker = null, ServesFast = true }, redis: null, (Precision, "int8"), (UserEmbeddings, "false"));
        await using ApiServer exact = await ApiServer.StartAsync(new RandomModel(605) { Ranker = null });
        const string Ask = """{"movie_ids": [1003, 1001, 1002], "k": 57, "explain": true}""";

        Dictionary<int, string> reasons = Reasons(await fast.PostAsync("/recommend/session", Ask));

        Assert.Equal(Reasons(await exact.PostAsync("/recommend/session", Ask)), reasons);
    }

    private static Dictionary<int, string> Reasons(JsonElement answer) => answer.MovieIds()
        .Zip(answer.GetProperty("reasons").EnumerateArray().Select(reason => reason.GetRawText())).ToDictionary();
}
