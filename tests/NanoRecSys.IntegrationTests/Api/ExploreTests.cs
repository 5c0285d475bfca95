namespace NanoRecSys.IntegrationTests.Api;

public sealed class ExploreTests
{
    [Fact]
    public async Task A_movie_shows_its_number_of_interactions_and_rank()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement movie = await api.GetAsync("/items/1003");

        Assert.Equal("""{"item":{"item_id":1003,"title":"Movie 1003","categories":["Thriller"],"attributes":{"year":1962}},"interactions":58,"place":3,"items":60}""", movie.GetRawText());
    }

    [Fact]
    public async Task The_audience_counts_those_who_have_not_seen_it_and_those_who_have()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement audience = await api.GetAsync("/items/1003/audience");

        // Users 7 and 11 have seen it, user 12 has no history: 110 and 205 are left.
        Assert.Equal((5, 4, 2), (audience.GetProperty("users").GetInt32(), audience.GetProperty("sampled").GetInt32(), audience.GetProperty("seen").GetInt32()));
        Assert.Equal([110, 205], audience.GetProperty("first").EnumerateArray().Select(member => member.GetProperty("user_id").GetInt32()).Order());
    }

    [Fact]
    public async Task A_place_in_the_audience_is_the_rank_in_the_retrievers_list()
    {
        ApiServer api = await SharedServers.Unranked;

        JsonElement list = await api.PostAsync("/recommend", """{"user_id":205,"k":5}""");
        int third = list.GetProperty("movie_ids")[2].GetInt32();
        JsonElement audience = await api.GetAsync($"/items/{third}/audience");

        JsonElement user = audience.GetProperty("first").EnumerateArray().Single(member => member.GetProperty("user_id").GetInt32() == 205);
        Assert.Equal(3, user.GetProperty("place").GetInt32());
    }

    [Fact]
    public async Task The_lists_of_a_user_are_those_of_the_parts_that_have_scores()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(71));

        JsonElement known = (await api.GetAsync("/users/11/lists?k=4")).GetProperty("lists");
        JsonElement unknown = (await api.GetAsync("/users/4711/lists")).GetProperty("lists");

        Assert.Equal(["served", "retriever", "similar", "popular"], known.EnumerateArray().Select(list => list.Text("name")));
        Assert.All(known.EnumerateArray(), list => Assert.Equal(4, list.GetProperty("items").GetArrayLength()));
        Assert.Equal((await api.PostAsync("/recommend", """{"user_id": 11, "k": 4}""")).MovieIds(), known[0].GetProperty("items").Ids());
        Assert.All(known.EnumerateArray(), list => Assert.Empty(list.GetProperty("items").Ids().Intersect([1001, 1002, 1003]))); // the history
        Assert.Equal("popular", unknown.EnumerateArray().Single().Text("name"));
    }

    [Fact]
    public async Task The_lists_of_an_item_are_those_of_a_user_who_had_only_that_item()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement lists = (await api.GetAsync("/items/1007/lists?k=4")).GetProperty("lists");

        Assert.Equal(["served", "retriever", "popular"], lists.EnumerateArray().Select(list => list.Text("name")));
        Assert.Equal((await api.PostAsync("/recommend/session", """{"movie_ids": [1007], "k": 4}""")).MovieIds(), lists[0].GetProperty("items").Ids());
        Assert.All(lists.EnumerateArray(), list => Assert.DoesNotContain(1007, list.GetProperty("items").Ids()));
    }

    [Fact]
    public async Task The_catalog_lists_what_filters_can_use()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement catalog = await api.GetAsync("/catalog");

        Assert.Equal("""{"singular":"item","plural":"items"}""", catalog.GetProperty("word").GetRawText());
        Assert.Equal((60, 5, 56), (catalog.GetProperty("items").GetInt32(), catalog.GetProperty("users").GetInt32(), catalog.GetProperty("interactions").GetInt32()));
        Assert.Equal(["Comedy", "Drama", "Thriller"], catalog.GetProperty("categories").EnumerateArray().Select(category => category.Text("value")));
        Assert.Equal("""[{"name":"year","kind":"number","items":51,"min":1961,"max":2019}]""", catalog.GetProperty("attributes").GetRawText());
    }

    [Fact]
    public async Task Movies_are_listed_by_their_ids_in_any_order_without_unknown_ones()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement found = await api.GetAsync("/items?ids=1007,99,1002");

        Assert.Equal([1007, 1002], found.GetProperty("items").Ids());
    }

    [Theory]
    [InlineData("/items/1001/audience")]
    [InlineData("/openapi/v1.json")]
    public async Task Expensive_lookups_are_refused_beyond_the_limit_and_health_checks_are_answered(string path)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(811), redis: null, ("Overload:Concurrency", "1"), ("Overload:QueueLimit", "0"));
        using IDisposable? permit = await api.Limiter.EnterAsync();

        using HttpResponseMessage refused = await api.FetchAsync(path);
        using HttpResponseMessage health = await api.FetchAsync("/healthz");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK), (refused.StatusCode, health.StatusCode));
        Assert.Equal("1", refused.Headers.RetryAfter!.ToString());
        Assert.Equal(Assert.Single(refused.Headers.GetValues("X-Request-Id")), (await refused.BodyAsync()).Text("request_id"));
        Assert.Equal(1, (await api.GetAsync("/debug/telemetry")).GetProperty("load").GetProperty("shed").GetInt32());
    }
}
