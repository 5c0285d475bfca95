namespace NanoRecSys.IntegrationTests.Api;

public sealed class BrowsingTests
{
    [Fact]
    public async Task Users_are_found_by_the_beginning_of_their_id()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement all = await api.GetAsync("/users?limit=2");
        JsonElement next = await api.GetAsync("/users?limit=1&offset=1");
        JsonElement ones = await api.GetAsync("/users?query=11");

        Assert.Equal("""{"total":5,"users":[{"user_id":7,"interactions":50},{"user_id":11,"interactions":3}],"suggested":7}""", all.GetRawText());
        Assert.Equal("""{"total":5,"users":[{"user_id":11,"interactions":3}],"suggested":7}""", next.GetRawText());
        Assert.Equal("""{"total":2,"users":[{"user_id":11,"interactions":3},{"user_id":110,"interactions":2}]}""", ones.GetRawText());
    }

    [Fact]
    public async Task A_history_comes_newest_first()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement history = await api.GetAsync("/users/11/history?limit=2");

        Assert.Equal(3, history.GetProperty("total").GetInt32());
        Assert.Equal([1002, 1001], history.GetProperty("items").Ids());
    }

    [Fact]
    public async Task Movies_are_found_by_title_words_most_watched_first()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement found = await api.GetAsync("/items?query=movie%20101&limit=3");

        Assert.Equal([1010, 1011, 1012], found.GetProperty("items").Ids());
    }

    [Fact]
    public async Task Similar_movies_exclude_the_movie_itself_and_come_nearest_first()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement similar = await api.GetAsync("/items/1005/similar?k=59");

        Assert.Equal(Enumerable.Range(1001, 60).Except([1005]), similar.GetProperty("items").Ids().Order());
        Assert.Equal(similar.Scores().OrderDescending(), similar.Scores());
    }

    [Theory]
    [InlineData("/users/99/history", HttpStatusCode.NotFound)]
    [InlineData("/items/99", HttpStatusCode.NotFound)]
    [InlineData("/items/99/audience", HttpStatusCode.NotFound)]
    [InlineData("/items/99/lists", HttpStatusCode.NotFound)]
    [InlineData("/items/99/similar", HttpStatusCode.NotFound)]
    [InlineData("/map", HttpStatusCode.NotFound)] // this version was published without a map, like older ones
    [InlineData("/items?ids=1001,a%09b", HttpStatusCode.UnprocessableEntity)]
    [InlineData("/items/a%09b/similar", HttpStatusCode.UnprocessableEntity)]
    [InlineData("/items/1001/similar?k=0", HttpStatusCode.UnprocessableEntity)]
    [InlineData("/users?limit=many", HttpStatusCode.UnprocessableEntity)]
    public async Task Unknown_ids_and_invalid_parameters_are_reported(string path, HttpStatusCode expected)
    {
        ApiServer api = await SharedServers.Ranked;

        using HttpResponseMessage response = await api.FetchAsync(path);

        Assert.Equal(expected, response.StatusCode);
        Assert.True((await response.BodyAsync()).TryGetProperty("detail", out _));
    }

    [Theory]
    [InlineData("/users?limit=2&qurey=11", "qurey", "Unknown parameter; there are query, limit, offset")]
    [InlineData("/users/11/history?take=2", "take", "Unknown parameter; there are limit")]
    [InlineData("/items/1005?id=7", "id", "Unknown parameter; there are none")]
    [InlineData("/catalog?genre=Drama", "genre", "Unknown parameter; there are none")]
    [InlineData("/debug/telemetry?seconds=60", "seconds", "Unknown parameter; there are window")]
    [InlineData("/events?user=11&user=12", "user", "Given more than once")]
    public async Task An_unknown_or_repeated_parameter_is_named(string path, string name, string message)
    {
        ApiServer api = await SharedServers.Ranked;

        using HttpResponseMessage response = await api.FetchAsync(path);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        JsonElement body = await response.BodyAsync();
        Assert.Equal(["query", name], body.GetProperty("detail")[0].GetProperty("loc").Texts());
        Assert.Equal(message, body.GetProperty("detail")[0].Text("msg"));
        Assert.Equal(response.Headers.GetValues("X-Request-Id").Single(), body.Text("request_id"));
    }
}
