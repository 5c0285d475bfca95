namespace NanoRecSys.IntegrationTests.Api;

public sealed class SessionTests
{
    [Fact]
    public async Task A_session_with_a_user_s_history_gets_that_user_s_recommendations()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement user = await api.PostAsync("/recommend", """{"user_id": 11}""");
        JsonElement session = await api.PostAsync("/recommend/session", """{"movie_ids": [1003, 1001, 1002]}""");

        Assert.Equal(user.MovieIds(), session.MovieIds());
        Assert.Equal(user.Scores(), session.Scores());
    }

    [Fact]
    public async Task Unknown_movies_are_left_out_and_named()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend/session", """{"movie_ids": [1003, 5, 1001, 6, 1002], "k": 4}""");
        JsonElement known = await api.PostAsync("/recommend/session", """{"movie_ids": [1003, 1001, 1002], "k": 4}""");

        Assert.Equal([5, 6], answer.GetProperty("unknown_movie_ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal(known.MovieIds(), answer.MovieIds());
        Assert.False(known.TryGetProperty("unknown_movie_ids", out _));
    }

    [Fact]
    public async Task A_session_of_only_unknown_movies_is_an_error_that_names_them()
    {
        ApiServer api = await SharedServers.Ranked;

        using HttpResponseMessage response = await api.SendAsync("/recommend/session", """{"movie_ids": [5, 6], "k": 2}""");

        Assert.Equal(422, (int)response.StatusCode);
        JsonElement error = (await response.BodyAsync()).GetProperty("detail")[0];
        Assert.Equal("unknown_movies", error.Text("type"));
        Assert.Contains("5, 6", error.Text("msg"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Times_determine_the_order_of_movies()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement timed = await api.PostAsync("/recommend/session", """{"movie_ids": [1002, 1003, 1001], "times": [300, 100, 200], "include_history": true}""");
        JsonElement ordered = await api.PostAsync("/recommend/session", """{"movie_ids": [1003, 1001, 1002]}""");

        Assert.Equal([1003, 1001, 1002], timed.GetProperty("history").Ids());
        Assert.Equal(ordered.MovieIds(), timed.MovieIds());
    }

    [Theory]
    [InlineData("""{}""", "missing")]
    [InlineData("""{"movie_ids": []}""", "too_short")]
    [InlineData("""{"movie_ids": 5}""", "list_type")]
    [InlineData("""{"movie_ids": [true]}""", "id_type")]
    [InlineData("""{"movie_ids": [1, 2], "times": [1]}""", "length_mismatch")]
    [InlineData("""{"movie_ids": [1], "movies": [2]}""", "extra_forbidden")]
    [InlineData("""{"movie_ids": [1], "movie_ids": [2]}""", "json_invalid")]
    public async Task A_session_needs_a_list_of_movies(string body, string type)
    {
        ApiServer api = await SharedServers.Empty;

        using HttpResponseMessage response = await api.SendAsync("/recommend/session", body);

        Assert.Equal(422, (int)response.StatusCode);
        Assert.Equal(type, (await response.BodyAsync()).GetProperty("detail")[0].Text("type"));
    }
}
