using NanoRecSys.Core.Onnx;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class RecommendTests
{
    [Fact]
    public async Task A_plain_request_is_answered_with_the_contract_s_fields_and_no_others()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 11}""");

        Assert.Equal(
            ["debug_timing", "explanations", "mode", "movie_ids", "movies", "request_id", "scores", "served_from_cache", "stages", "version"],
            answer.Names());
        Assert.Equal(["embedding_ms", "ranking_ms", "retrieval_ms", "total_ms"], answer.GetProperty("debug_timing").Names());
        Assert.Equal(10, answer.GetProperty("movie_ids").GetArrayLength());
        Assert.Equal(10, answer.GetProperty("scores").GetArrayLength());
        Assert.Empty(answer.GetProperty("explanations").EnumerateArray());
        Assert.False(answer.GetProperty("served_from_cache").GetBoolean());
        Assert.Equal("live", answer.GetProperty("mode").GetString());
        Assert.Equal(api.Store.ReadCurrent(), answer.GetProperty("version").GetString());
        Assert.Equal(["history", "encode", "retrieve", "rank"], answer.Stages().Except(["cache.get", "cache.set"]));
    }

    [Fact]
    public async Task Seen_movies_are_excluded_and_k_is_filled_with_others()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.BusyUser}}, "k": 10}""");

        Assert.Equal(Enumerable.Range(1051, 10), answer.MovieIds().Order());
    }

    [Fact]
    public async Task A_k_beyond_the_catalog_returns_all_remaining_items()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}, "k": 100}""");

        Assert.Equal(Enumerable.Range(1004, 57), answer.MovieIds().Order());
    }

    [Fact]
    public async Task Without_a_ranker_the_retriever_s_cosines_are_the_scores()
    {
        ApiServer api = await SharedServers.Unranked;
        (int[] movies, float[] cosines) = ExactNearest(api.Store, RandomModel.QuietUser, 10);

        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}}""");

        Assert.Equal(movies, answer.MovieIds());
        Assert.All(answer.Scores().Zip(cosines), pair => Assert.Equal(pair.Second, pair.First, 1e-5f));
    }

    [Fact]
    public async Task With_a_ranker_the_score_is_the_sigmoid_of_its_logit_and_the_weighted_cosine()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(4) { Ranker = RandomModel.RankerKind.Silent });
        (int[] movies, float[] cosines) = ExactNearest(api.Store, RandomModel.QuietUser, 10);

        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}}""");

        // The ranker's logit is 0 and the weight in its manifest is 3.
        Assert.Equal(movies, answer.MovieIds());
        Assert.All(answer.Scores().Zip(cosines), pair => Assert.Equal(1 / (1 + MathF.Exp(-3 * pair.Second)), pair.First, 1e-5f));
    }

    [Fact]
    public async Task Scores_that_round_to_one_keep_the_order_of_their_logits()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(4) { Ranker = RandomModel.RankerKind.Silent, RetrieverWeight = 500 });

        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}}""");

        Assert.Equal([1, 1, 1], answer.Scores()[..3]);
        Assert.Equal(ExactNearest(api.Store, RandomModel.QuietUser, 10).Movies, answer.MovieIds());
    }

    [Fact]
    public async Task Calibrated_scores_are_strictly_monotone_even_if_all_sigmoids_round_to_one()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(4)
        {
            Ranker = RandomModel.RankerKind.Silent,
            RetrieverWeight = 500,
            Calibration = new ScoreCalibration(0.01, -5),
        });
        (int[] movies, float[] cosines) = ExactNearest(api.Store, RandomModel.QuietUser, 10);

        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}}""");

        Assert.Equal(movies, answer.MovieIds());
        Assert.Equal(10, answer.Scores().Distinct().Count());
        Assert.Equal(answer.Scores().OrderDescending(), answer.Scores());
        Assert.All(answer.Scores().Zip(cosines), pair => Assert.Equal(1 / (1 + MathF.Exp(-((5 * pair.Second) - 5))), pair.First, 1e-5f));
    }

    [Fact]
    public async Task The_ranker_decides_the_order_of_the_candidates()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 11, "k": 57}""");

        float[] scores = answer.Scores();
        Assert.Equal(scores.OrderDescending(), scores);
        Assert.All(scores, score => Assert.InRange(score, 0, 1));
        Assert.NotEqual(ExactNearest(api.Store, RandomModel.QuietUser, 57).Movies, answer.MovieIds());
    }

    [Fact]
    public async Task A_cached_answer_keeps_the_reason_for_popular_movies()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(6), cache.ConnectionString);

        await api.PostAsync("/recommend", """{"user_id": 999999}""");
        JsonElement cached = await api.PostAsync("/recommend", """{"user_id": 999999}""");

        Assert.Equal("cache", cached.GetProperty("debug_timing").GetProperty("source").GetString());
        Assert.Equal("unknown_user", cached.GetProperty("debug_timing").GetProperty("fallback_reason").GetString());
    }

    [Theory]
    [InlineData(999_999, "unknown_user")]
    [InlineData(-1, "unknown_user")]
    [InlineData(RandomModel.NewUser, "empty_history")]
    public async Task A_user_without_a_history_gets_popular_movies_and_the_reason(int user, string reason)
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{user}}, "k": 3, "explain": true}""");

        Assert.Equal([1001, 1002, 1003], answer.MovieIds());
        Assert.Equal(reason, answer.GetProperty("debug_timing").GetProperty("fallback_reason").GetString());
        Assert.Equal(["fallback_reason"], answer.GetProperty("debug_timing").Names());
        Assert.Equal("live", answer.GetProperty("mode").GetString());
        Assert.All(answer.GetProperty("explanations").EnumerateArray(), text => Assert.Equal("A popular start: among the first ten movies of 2 users.", text.GetString()));
    }

    [Fact]
    public async Task A_new_user_gets_common_first_movies_before_popular_ones()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 999999, "k": 15, "explain": true}""");

        // Two users started with the first three movies, one with each of the next ten; 1011 is the most watched of the rest.
        Assert.Equal([1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1041, 1042, 1043, 1011, 1012], answer.MovieIds());
        Assert.Equal(
            (1, 20), (answer.GetProperty("reasons")[10].GetProperty("watched_first").GetInt32(), answer.GetProperty("reasons")[10].GetProperty("watched").GetInt32()));
        Assert.Equal("Popular: watched 50 times.", answer.GetProperty("explanations")[13].GetString());
    }

    [Fact]
    public async Task The_history_is_included_newest_last_only_on_request()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement quiet = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}, "include_history": true}""");
        JsonElement busy = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.BusyUser}}, "include_history": true}""");

        Assert.Equal([1003, 1001, 1002], quiet.GetProperty("history").Ids());
        Assert.Equal(Enumerable.Range(1031, 20), busy.GetProperty("history").Ids());
    }

    /// <summary>A user's nearest movies by exhaustive search, without an index.</summary>
    private static (int[] Movies, float[] Cosines) ExactNearest(ArtifactStore store, int user, int k)
    {
        ArtifactVersion version = store.Open(store.ReadCurrent()!);
        (float[] vectors, int width) = NpyFile.Read(version.PathOf(ArtifactNames.ItemEmbeddings));
        UserHistories histories = HistoriesFile.Read(version.Folder);
        int[] seen = histories.At(histories.PositionOf(user)).ToArray();
        using var tower = new OnnxUserTower(version.PathOf(version.Manifest.UserTower.File), version.Manifest.Model);
        float[] embedding = tower.Encode(seen);
        (int Row, float Cosine)[] best = [.. Enumerable.Range(0, vectors.Length / width)
            .Except(seen)
            .Select(row => (row, Enumerable.Range(0, width).Sum(i => vectors[row * width + i] * embedding[i])))
            .OrderByDescending(item => item.Item2)
            .Take(k)];
        return ([.. best.Select(item => 1001 + item.Row)], [.. best.Select(item => item.Cosine)]);
    }
}
