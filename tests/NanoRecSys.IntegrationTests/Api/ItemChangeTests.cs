using StackExchange.Redis;
using System.Text;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary><c>PUT</c>, <c>PATCH</c> and <c>DELETE /items/{id}</c> of items that the model knows.</summary>
public sealed class ItemChangeTests
{
    private const string Question = """{"user_id": "b/c", "k": 60}""";

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task A_hidden_item_is_in_no_answer_of_any_replica_until_it_is_shown_again(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer here = await ShopAsync(331, cache);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cache.ConnectionString);
        foreach (ApiServer api in new[] { here, there })
        {
            Assert.Contains("a/b", await RecommendedAsync(api));
        }

        JsonElement receipt = await here.SendAsync(HttpMethod.Patch, "/items/a%2Fb", """{"hidden": true}""");

        Assert.Equal((true, true, true), (receipt.Flag("stored"), receipt.Flag("recommendable"), receipt.GetProperty("item").Flag("hidden")));
        Assert.DoesNotContain("a/b", await RecommendedAsync(here)); // at once on the replica that stored the change
        await ApiServer.UntilAsync("the other replica hides it", async () => !(await RecommendedAsync(there)).Contains("a/b"));
        foreach (ApiServer api in new[] { here, there })
        {
            foreach (string body in (string[])["{\"user_id\": \"nobody\", \"k\": 60}", "{\"session\": [{\"item_id\": \"sku-1\"}], \"k\": 60}", "{\"item_id\": \"sku-1\", \"k\": 60, \"pin\": [{\"item_id\": \"a/b\", \"position\": 1}]}"])
            {
                Assert.DoesNotContain("a/b", (await api.PostAsync("/recommendations", body)).GetProperty("items").TextIds());
            }

            Assert.DoesNotContain("a/b", (await api.GetAsync("/items/sku-1/similar?k=60")).GetProperty("items").TextIds());
            Assert.DoesNotContain("a/b", (await api.PostAsync("/recommend", """{"user_id": "b/c", "k": 60}""")).GetProperty("movie_ids").Texts());
            Assert.True((await api.GetAsync("/items/a%2Fb")).GetProperty("item").Flag("hidden")); // it can still be looked up
        }

        await there.SendAsync(HttpMethod.Patch, "/items/a%2Fb", """{"hidden": null}""");
        await ApiServer.UntilAsync("the item is back", async () => (await RecommendedAsync(here)).Contains("a/b"));
    }

    [Fact]
    public async Task A_changed_price_is_used_by_filters_at_once_and_other_attributes_stay()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ShopAsync(332, cache);
        async Task<string[]> CheapAsync() => (await api.PostAsync("/recommendations", """{"user_id": "nobody", "k": 60, "filters": {"where": [{"field": "price", "op": "<", "value": 2}]}}""")).GetProperty("items").TextIds();
        Assert.Equal(["sku-0", "sku-1"], (await CheapAsync()).Order());

        await api.SendAsync(HttpMethod.Patch, "/items/sku-0", """{"attributes": {"price": 12.5, "blurb": null}}""");
        JsonElement changed = await api.SendAsync(HttpMethod.Patch, "/items/sku-30", """{"attributes": {"price": 1, "sale": "yes"}}""");

        Assert.Equal(["sku-1", "sku-30"], (await CheapAsync()).Order());
        Assert.Equal("Brand 2", changed.GetProperty("item").GetProperty("attributes").Text("brand"));
        Assert.False((await api.GetAsync("/items/sku-0")).GetProperty("item").GetProperty("attributes").TryGetProperty("blurb", out _));
        Assert.Equal(["sku-30"], (await api.PostAsync("/recommendations", """{"user_id": "nobody", "filters": {"where": [{"field": "sale", "op": "=", "value": "YES"}]}}""")).GetProperty("items").TextIds());
        Assert.False((await api.SendAsync(HttpMethod.Patch, "/items/sku-30", """{"attributes": {"price": 1}}""")).Flag("stored"));
    }

    [Fact]
    public async Task An_item_is_recommended_between_its_times_and_a_cached_answer_does_not_outlive_them()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ShopAsync(333, cache);
        Assert.Contains("sku-20", await RecommendedAsync(api));

        DateTimeOffset start = DateTimeOffset.UtcNow.AddSeconds(2);
        await api.SendAsync(HttpMethod.Patch, "/items/sku-20", $$"""{"available_from": "{{start:O}}"}""");
        await api.SendAsync(HttpMethod.Patch, "/items/sku-21", $$"""{"available_until": {{start.ToUnixTimeSeconds()}}}""");
        string[] before = await RecommendedAsync(api);
        bool isEarly = DateTimeOffset.UtcNow < start.AddSeconds(-1);
        await ApiServer.UntilAsync("both times have passed", async () => await RecommendedAsync(api) is var items && items.Contains("sku-20") && !items.Contains("sku-21"));

        Assert.True(!isEarly || (!before.Contains("sku-20") && before.Contains("sku-21")));
        Assert.True(DateTimeOffset.UtcNow >= start);
    }

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task A_deleted_item_is_missing_on_every_replica_and_after_a_restart_until_it_is_put_again(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer here = await ShopAsync(334, cache);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cache.ConnectionString);

        JsonElement deleted = await here.SendAsync(HttpMethod.Delete, "/items/a%2Fb");
        JsonElement again = await here.SendAsync(HttpMethod.Delete, "/items/a%2Fb");

        Assert.Equal((true, false), (deleted.Flag("deleted"), again.Flag("deleted")));
        await ApiServer.UntilAsync("the other replica has deleted it", async () => (await there.FetchAsync("/items/a%2Fb")).StatusCode == HttpStatusCode.NotFound);
        await using ApiServer restarted = await ApiServer.StartAsync(here.Store, cache.ConnectionString);
        await ApiServer.UntilAsync("the new replica has deleted it", async () => (await restarted.FetchAsync("/items/a%2Fb")).StatusCode == HttpStatusCode.NotFound);
        foreach (ApiServer api in new[] { here, there, restarted })
        {
            Assert.DoesNotContain("a/b", await RecommendedAsync(api));
            Assert.DoesNotContain("a/b", (await api.GetAsync("/items?query=thing+3")).GetProperty("items").TextIds());
            using HttpResponseMessage refused = await api.SendAsync("/events", """{"user_id": "b/c", "item_id": "a/b"}""");
            Assert.Equal("unknown_item", (await refused.BodyAsync()).GetProperty("detail")[0].Text("type"));
        }

        JsonElement put = await there.SendAsync(HttpMethod.Put, "/items/a%2Fb", """{"title": "Thing three", "categories": ["Shelf 0"], "attributes": {"price": 3}}""");

        Assert.Equal("""{"item_id":"a/b","title":"Thing three","categories":["Shelf 0"],"attributes":{"price":3}}""", put.GetProperty("item").GetRawText());
        await ApiServer.UntilAsync("the item is back", async () => (await RecommendedAsync(here)).Contains("a/b"));
        Assert.Equal(["a/b"], (await here.GetAsync("/items?query=three")).GetProperty("items").TextIds());
        Assert.DoesNotContain("a/b", (await here.GetAsync("/items?query=thing+3")).GetProperty("items").TextIds());
    }

    [Fact]
    public async Task Concurrent_changes_of_one_item_are_all_kept()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer here = await ShopAsync(335, cache);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cache.ConnectionString);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => (i % 2 == 0 ? here : there).SendAsync(HttpMethod.Patch, "/items/sku-9", $$$"""{"attributes": {"extra {{{i}}}": {{{i}}}}}""")));

        foreach (ApiServer api in new[] { here, there })
        {
            await ApiServer.UntilAsync("all changes are visible", async () =>
                (await api.GetAsync("/items/sku-9")).GetProperty("item").GetProperty("attributes").EnumerateObject().Count(attribute => attribute.Name.StartsWith("extra", StringComparison.Ordinal)) == 8);
        }
    }

    [Fact]
    public async Task Films_stored_by_an_earlier_release_are_read()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        await redis.GetDatabase().HashSetAsync("nanorecsys:items", "777", """{"movie_id":777,"title":"The Lighthouse","year":2019,"genres":["Drama"],"added":5}""");
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(336), cache.ConnectionString);

        await ApiServer.UntilAsync("the stored film is read", async () => (await api.FetchAsync("/items/777")).IsSuccessStatusCode);
        JsonElement changed = await api.SendAsync(HttpMethod.Patch, "/items/777", """{"image_url": "https://example.com/777.jpg"}""");

        Assert.Equal(
            """{"item_id":777,"title":"The Lighthouse","categories":["Drama"],"attributes":{"year":2019},"image_url":"https://example.com/777.jpg"}""",
            changed.GetProperty("item").GetRawText());
    }

    [Theory]
    [InlineData("PATCH", "no%20such", "{\"hidden\": true}", HttpStatusCode.NotFound)]
    [InlineData("DELETE", "no%20such", null, HttpStatusCode.NotFound)]
    [InlineData("PUT", "sku-1", "{\"hidden\": true}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "sku-1", "{\"title\": null}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "sku-1", "{\"item_id\": \"sku-2\"}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "sku-1", "{\"attributes\": {\"price\": \"cheap\"}}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "sku-1", "{\"attributes\": {\"price\": 1e999}}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "sku-1", "{\"attributes\": {\"brand\": {}}}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "sku-1", "{\"attributes\": []}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "sku-1", "{\"image_url\": \"javascript:alert(1)\"}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "sku-1", "{\"available_from\": \"2026-02-01\", \"available_until\": \"2026-01-01\"}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "sku-1", "{\"available_from\": \"tomorrow\"}", HttpStatusCode.UnprocessableEntity)]
    [InlineData("PATCH", "a%01b", "{\"hidden\": true}", HttpStatusCode.UnprocessableEntity)]
    public async Task An_invalid_change_is_refused(string method, string id, string? body, HttpStatusCode expected)
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ShopAsync(337, cache);
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri($"/items/{id}", UriKind.Relative));
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");

        using HttpResponseMessage response = await api.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(expected, response.StatusCode);
        Assert.True((await response.BodyAsync()).TryGetProperty("detail", out _));
    }

    private static Task<ApiServer> ShopAsync(int seed, CacheServer cache) =>
        ApiServer.StartAsync(new RandomModel(seed) { Movies = RandomModel.Shop, Users = RandomModel.Shoppers }, cache.ConnectionString);

    private static async Task<string[]> RecommendedAsync(ApiServer api) => (await api.PostAsync("/recommendations", Question)).GetProperty("items").TextIds();
}
