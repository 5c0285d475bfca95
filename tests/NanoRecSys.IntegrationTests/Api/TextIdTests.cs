namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Ids with arbitrary characters, in every call that takes one.</summary>
public sealed class TextIdTests
{
    public static TheoryData<string> ItemIds => ["a/b", "100%", "ä", "a%2Fb", "x y?&=#+,", "sku-9"];

    [Theory, MemberData(nameof(ItemIds))]
    public async Task An_item_is_found_by_an_id_of_any_characters(string id)
    {
        ApiServer api = await SharedServers.Shop;
        string escaped = Uri.EscapeDataString(id);

        JsonElement detail = await api.GetAsync($"/items/{escaped}");
        JsonElement similar = await api.GetAsync($"/items/{escaped}/similar?k=59");
        JsonElement audience = await api.GetAsync($"/items/{escaped}/audience");
        JsonElement listed = await api.GetAsync($"/items?ids={escaped}&ids=sku-10");

        Assert.Equal(id, detail.GetProperty("item").Text("item_id"));
        Assert.DoesNotContain(id, similar.GetProperty("items").TextIds());
        Assert.Equal(59, similar.GetProperty("items").GetArrayLength());
        Assert.Equal(5, audience.GetProperty("users").GetInt32());
        Assert.Equal([id, "sku-10"], listed.GetProperty("items").TextIds());
    }

    [Theory]
    [InlineData("/items/a%2fb")]
    [InlineData("/items/%61%2Fb")]
    [InlineData("/items/a%2Fb?")]
    public async Task Every_spelling_of_a_path_is_the_same_id(string path)
    {
        ApiServer api = await SharedServers.Shop;

        string answer = await RawHttp.SendAsync(api.Client.BaseAddress!, $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Contains("\"item_id\":\"a/b\"", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/items/a%0Ab", HttpStatusCode.UnprocessableEntity)]
    [InlineData("/items/a%2F%2Fb", HttpStatusCode.NotFound)]
    [InlineData("/items/a%252Fc", HttpStatusCode.NotFound)]
    public async Task An_unknown_or_invalid_id_is_an_error(string path, HttpStatusCode expected)
    {
        ApiServer api = await SharedServers.Shop;

        using HttpResponseMessage response = await api.FetchAsync(path);
        using HttpResponseMessage longest = await api.FetchAsync($"/items/{new string('x', 257)}");

        Assert.Equal((expected, HttpStatusCode.UnprocessableEntity), (response.StatusCode, longest.StatusCode));
    }

    [Fact]
    public async Task Users_of_any_characters_have_histories_lists_and_events_that_can_be_deleted()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(324) { Movies = RandomModel.Shop, Users = RandomModel.Shoppers }, cache.ConnectionString);

        JsonElement users = await api.GetAsync($"/users?query={Uri.EscapeDataString("ü 1")}");
        await api.PostAsync("/events", """{"events": [{"user_id": "b/c", "item_id": "a/b", "type": "purchase"}, {"user_id": "new/100%", "item_id": "x y?&=#+,"}]}""");
        JsonElement known = await api.GetAsync("/users/b%2Fc/history");
        JsonElement unknown = await api.GetAsync("/users/new%2F100%25/history");
        JsonElement list = await api.PostAsync("/recommendations", """{"user_id": "b/c", "k": 60}""");
        JsonElement deleted = await api.SendAsync(HttpMethod.Delete, "/users/b%2Fc/events");

        Assert.Equal("ü 100%", Assert.Single(users.GetProperty("users").EnumerateArray()).Text("user_id"));
        Assert.Equal(["a/b", "sku-1", "sku-0", "sku-2"], known.GetProperty("items").TextIds());
        Assert.Equal(["x y?&=#+,"], unknown.GetProperty("items").TextIds());
        Assert.DoesNotContain("a/b", list.GetProperty("items").TextIds());
        Assert.Equal(1, deleted.GetProperty("deleted").GetInt32());
        Assert.Equal(3, (await api.GetAsync("/users/b%2Fc/history")).GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task The_recommend_endpoints_accept_and_return_them()
    {
        ApiServer api = await SharedServers.Shop;

        JsonElement list = await api.PostAsync("/recommend", """{"user_id": "b/c", "k": 60}""");
        JsonElement session = await api.PostAsync("/recommend/session", """{"movie_ids": ["a/b", "100%"], "k": 60}""");

        Assert.Equal(57, list.GetProperty("movie_ids").GetArrayLength());
        Assert.Equal(58, session.GetProperty("movie_ids").GetArrayLength());
        Assert.Equal(JsonValueKind.String, list.GetProperty("movie_ids")[0].ValueKind);
    }

    [Fact]
    public async Task The_catalog_describes_the_attributes()
    {
        ApiServer api = await SharedServers.Shop;

        JsonElement[] attributes = [.. (await api.GetAsync("/catalog")).GetProperty("attributes").EnumerateArray()];

        Assert.Equal(["blurb text", "brand category", "launched time", "price number", "tags categories"], attributes.Select(attribute => $"{attribute.Text("name")} {attribute.Text("kind")}"));
        Assert.Equal("""{"name":"price","kind":"number","items":60,"min":0,"max":59}""", attributes[3].GetRawText());
        Assert.Equal(("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"), (attributes[2].Text("min"), attributes[2].Text("max")));
        Assert.Equal("""[{"value":"even","items":30},{"value":"odd","items":30},{"value":"three","items":20}]""", attributes[4].GetProperty("values").GetRawText());
    }
}
