using System.Text.Json;
using NanoRecSys.IntegrationTests.Fixtures;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class SessionTests
{
    [Fact]
    public async Task A_session_with_a_user_s_history_gets_that_user_s_recommendations()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(51));

        JsonElement user = await api.PostAsync("/recommend", """{"user_id": 11}""");
        JsonElement session = await api.PostAsync("/recommend/session", """{"movie_ids": [1003, 1001, 1002]}""");

        Assert.Equal(user.MovieIds(), session.MovieIds());
        Assert.Equal(user.Scores(), session.Scores());
    }

    [Fact]
    public async Task Unknown_movies_are_left_out_and_named()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(52));

        JsonElement answer = await api.PostAsync("/recommend/session", """{"movie_ids": [1003, 5, 1001, 6, 1002], "k": 4}""");
        JsonElement known = await api.PostAsync("/recommend/session", """{"movie_ids": [1003, 1001, 1002], "k": 4}""");

        Assert.Equal([5, 6], answer.GetProperty("unknown_movie_ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal(known.MovieIds(), answer.MovieIds());
        Assert.False(known.TryGetProperty("unknown_movie_ids", out _));
    }

    [Fact]
    public async Task A_session_of_unknown_movies_only_gets_the_popular_ones()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(53));

        JsonElement answer = await api.PostAsync("/recommend/session", """{"movie_ids": [5], "k": 2}""");

        Assert.Equal([1001, 1002], answer.MovieIds());
        Assert.Equal("unknown_movies", answer.GetProperty("debug_timing").Text("fallback_reason"));
    }

    [Theory]
    [InlineData("""{}""", "missing")]
    [InlineData("""{"movie_ids": []}""", "too_short")]
    [InlineData("""{"movie_ids": 5}""", "list_type")]
    [InlineData("""{"movie_ids": ["x"]}""", "int_type")]
    public async Task A_session_needs_a_list_of_movies(string body, string type)
    {
        await using ApiServer api = ApiServer.Start();

        using HttpResponseMessage response = await api.SendAsync("/recommend/session", body);

        Assert.Equal(422, (int)response.StatusCode);
        Assert.Equal(type, (await response.BodyAsync()).GetProperty("detail")[0].Text("type"));
    }
}
