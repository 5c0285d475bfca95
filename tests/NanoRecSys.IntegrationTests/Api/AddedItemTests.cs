using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class AddedItemTests(TrainedArtifacts trained)
{
    private const string Cartoon = """{"movie_id": 9000001, "title": "Toy Story Returns, The (1996)", "genres": ["Animation", "Children", "Comedy"]}""";

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task An_added_movie_is_found_similar_and_recommended_on_every_replica(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer here = await ApiServer.StartAsync(await trained.StoreAsync(), cache.ConnectionString);
        await using ApiServer there = await ApiServer.StartAsync(await trained.StoreAsync(), cache.ConnectionString);

        JsonElement receipt = await here.PostAsync("/items", Cartoon);
        JsonElement again = await here.PostAsync("/items", Cartoon);

        Assert.Equal((true, true, false), (receipt.Flag("stored"), receipt.Flag("recommendable"), again.Flag("stored")));
        Assert.Equal(("The Toy Story Returns", 1996), (receipt.GetProperty("item").Text("title"), receipt.GetProperty("item").GetProperty("attributes").GetProperty("year").GetInt32()));
        await ApiServer.UntilAsync("the other replica has it", async () => (await there.GetAsync("/items?query=story+returns")).GetProperty("items").Ids() is [9000001]);
        foreach (ApiServer api in new[] { here, there })
        {
            Assert.Equal([9000001], (await api.GetAsync("/items?query=toy%20story%20returns")).GetProperty("items").Ids().AsEnumerable());
            Assert.Equal(5, (await api.GetAsync("/items/9000001/similar?k=5")).GetProperty("items").Ids().Length);
            JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 1, "filters": {"only_ids": [9000001, 1]}, "explain": true}""");
            Assert.Contains(9000001, answer.MovieIds());
            Assert.True(answer.GetProperty("reasons")[Array.IndexOf(answer.MovieIds(), 9000001)].Flag("is_new"));
        }

        JsonElement stranger = await there.PostAsync("/recommend", """{"user_id": 1000000, "filters": {"only_ids": [9000001]}, "explain": true}""");
        Assert.Equal((9000001, "New in the catalog."), (Assert.Single(stranger.MovieIds()), stranger.GetProperty("explanations")[0].GetString()));

        // An event with it is accepted, and it is not recommended again.
        await here.PostAsync("/events", """{"user_id": 1, "movie_id": 9000001}""");
        Assert.Equal([1], (await there.PostAsync("/recommend", """{"user_id": 1, "filters": {"only_ids": [9000001, 1]}}""")).MovieIds().AsEnumerable());
    }

    [Fact]
    public async Task Genres_are_case_insensitive()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(await trained.StoreAsync(), cache.ConnectionString);
        await api.PostAsync("/items", Cartoon);
        await api.PostAsync("/items", Cartoon.Replace("9000001", "9000002", StringComparison.Ordinal).Replace("Animation", "ANIMATION", StringComparison.Ordinal).Replace("Comedy", "comedy", StringComparison.Ordinal));

        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 1, "filters": {"only_ids": [9000001, 9000002]}}""");

        Assert.Equal(2, answer.Scores().Length);
        Assert.Single(answer.Scores().Distinct());
    }

    [Fact]
    public async Task A_model_without_a_content_map_says_that_it_cannot_place_a_new_movie()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(221), cache.ConnectionString);

        JsonElement receipt = await api.PostAsync("/items", Cartoon);

        Assert.False(receipt.Flag("recommendable"));
        Assert.Single((await api.GetAsync("/items?query=returns")).GetProperty("items").EnumerateArray());
        using HttpResponseMessage similar = await api.FetchAsync("/items/9000001/similar");
        Assert.Equal(HttpStatusCode.NotFound, similar.StatusCode);
        await api.PostAsync("/events", """{"user_id": 11, "movie_id": 9000001}""");
        Assert.Equal(10, (await api.PostAsync("/recommend", """{"user_id": 11}""")).MovieIds().Length);
    }

    [Theory]
    [InlineData("""{"movie_id": 1001, "title": "Another"}""", HttpStatusCode.Conflict)] // the id of a trained movie
    [InlineData("""{"movie_id": 9000001, "title": "Something Else"}""", HttpStatusCode.Conflict)] // the id of an added one
    [InlineData("""{"movie_id": 5}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"movie_id": 5, "title": ""}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"movie_id": 5, "title": " \u0000\u200B "}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"movie_id": 5, "title": "X", "year": 5}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"movie_id": 5, "title": "X", "genre": ["Drama"]}""", HttpStatusCode.UnprocessableEntity)]
    public async Task A_movie_that_cannot_be_added_is_refused(string body, HttpStatusCode expected)
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(222), cache.ConnectionString);
        await api.PostAsync("/items", Cartoon);

        using HttpResponseMessage response = await api.SendAsync("/items", body);

        Assert.Equal(expected, response.StatusCode);
        Assert.True((await response.BodyAsync()).TryGetProperty("detail", out _));
    }

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task Damaged_records_affect_only_their_own_id(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        await redis.GetDatabase().HashSetAsync("nanorecsys:items",
        [
            new("9000002", """{"movie_id":9000002}"""), new("9000003", """{"movie_id":9000003,"title":"T","genres":["Drama",null],"added":1}"""),
            new("9000004", """{"movie_id":9000004,"genres":[],"added":1}"""), new("9000005", "{"), new("x", """{"movie_id":9000006,"title":"Elsewhere","genres":[],"added":1}"""),
            new("9000007", """{"movie_id":9000007,"title":"Sound","genres":["Drama"],"added":2}"""),
        ]);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(225), cache.ConnectionString);

        await api.PostAsync("/items", Cartoon);
        using HttpResponseMessage damaged = await api.SendAsync("/items", """{"movie_id": 9000005, "title": "Hidden"}""");

        await ApiServer.UntilAsync("the stored items are read", async () => (await api.FetchAsync("/items/9000007")).IsSuccessStatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, damaged.StatusCode);
        Assert.Contains("HDEL nanorecsys:items 9000005", (await damaged.BodyAsync()).Text("detail"), StringComparison.Ordinal);
        Assert.Equal([9000001, 9000007], (await api.GetAsync("/items?ids=9000001,9000002,9000003,9000004,9000005,9000006,9000007")).GetProperty("items").Ids().AsEnumerable());
    }

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task A_different_set_of_the_same_number_of_movies_is_detected(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(226), cache.ConnectionString);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        await api.PostAsync("/items", Cartoon);

        await redis.GetDatabase().HashDeleteAsync("nanorecsys:items", 9000001);
        await redis.GetDatabase().HashSetAsync("nanorecsys:items", 9000008, """{"movie_id":9000008,"title":"Instead","genres":["Drama"],"added":2}""");

        await ApiServer.UntilAsync("the other item is found", async () => (await api.FetchAsync("/items/9000008")).IsSuccessStatusCode);
        await ApiServer.UntilAsync("the first item is gone", async () => (await api.FetchAsync("/items/9000001")).StatusCode == HttpStatusCode.NotFound);
        await redis.GetDatabase().HashSetAsync("nanorecsys:items", 9000008, """{"movie_id":9000008,"title":"Renamed","genres":["Drama"],"added":2}""");
        await ApiServer.UntilAsync("the renamed item is found", async () => (await api.GetAsync("/items?query=renamed")).GetProperty("items").Ids() is [9000008]);
    }

    [Fact]
    public async Task Thousands_of_added_movies_are_read_in_pages_and_placed_without_blocking_requests()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{cache.ConnectionString},asyncTimeout=60000");
        await redis.GetDatabase().HashSetAsync("nanorecsys:items", [.. Enumerable.Range(0, 20_000).Select(i => new HashEntry(
            9100000 + i, $$"""{"movie_id":{{9100000 + i}},"title":"Reel {{i}}","year":{{1950 + i % 70}},"genres":["Drama"],"added":{{i}}}"""))]);
        await using ApiServer api = await ApiServer.StartAsync(await trained.StoreAsync(), cache.ConnectionString);

        await ApiServer.UntilAsync("the last item is placed", async () =>
        {
            Assert.Equal("live", (await api.PostAsync("/recommend", """{"user_id": 1}""")).Text("mode"));
            return (await api.FetchAsync("/items/9119999/similar")).IsSuccessStatusCode;
        });

        JsonElement receipt = await api.PostAsync("/items", Cartoon);
        Assert.True(receipt.Flag("stored"));
        await ApiServer.UntilAsync("the new item is placed after the pending ones", async () =>
            (await api.PostAsync("/recommend", """{"user_id": 1, "filters": {"only_ids": [9000001, 9119999]}}""")).MovieIds().Order().SequenceEqual([9000001, 9119999]));
        Assert.Equal([9119999], (await api.GetAsync("/items?query=reel+19999")).GetProperty("items").Ids().Take(1));
    }

    [Fact]
    public async Task Titles_and_genres_are_cleaned_like_those_of_data_files()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(225), cache.ConnectionString);

        JsonElement receipt = await api.PostAsync("/items", """{"movie_id": 9000007, "title": "Lost\r\nFilm,\tThe (9999)", "genres": ["Drama", " drama ", "\u0007"]}""");

        JsonElement movie = receipt.GetProperty("item");
        Assert.Equal("The Lost Film (9999)", movie.Text("title"));
        Assert.False(movie.TryGetProperty("attributes", out _));
        Assert.Equal(["Drama"], movie.GetProperty("categories").EnumerateArray().Select(genre => genre.GetString()));
    }

    [Fact]
    public async Task A_movie_sent_again_returns_the_stored_one()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(224), cache.ConnectionString);
        await api.PostAsync("/items", Cartoon);

        JsonElement again = await api.PostAsync("/items", """{"movie_id": 9000001, "title": "Toy Story Returns, The (2001)", "genres": ["Drama"]}""");

        JsonElement movie = again.GetProperty("item");
        Assert.False(again.Flag("stored"));
        Assert.Equal(1996, movie.GetProperty("attributes").GetProperty("year").GetInt32());
        Assert.Equal(["Animation", "Children", "Comedy"], movie.GetProperty("categories").Texts());
    }
}
