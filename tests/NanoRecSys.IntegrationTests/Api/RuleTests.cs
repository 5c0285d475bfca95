using System.Text;
using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary><c>GET</c> and <c>PUT /rules</c>, their effect on every list, and <c>POST /recommendations/preview</c>.</summary>
public sealed class RuleTests
{
    private const string Question = """{"user_id": "b/c", "k": 57, "explain": true}""";

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task Rules_change_the_lists_of_every_replica_including_cached_ones_and_k_items_are_returned(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer here = await ShopAsync(401, cache);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cache.ConnectionString);
        string[] before = await RecommendedAsync(here);
        Assert.Equal(before, await RecommendedAsync(there));
        Assert.Equal("""{"version":0,"rules":[]}""", (await here.GetAsync("/rules")).GetRawText());

        JsonElement stored = await here.SendAsync(HttpMethod.Put, "/rules", """
            {"version": 0, "rules": [
              {"name": "Sale", "boost": [{"item_ids": ["sku-40", "sku-42"], "factor": 900}], "pin": [{"item_id": "sku-50", "position": 2}]},
              {"name": "Sold out", "hide": [{"where": [{"field": "brand", "op": "=", "value": "brand 1"}, {"field": "price", "op": ">", "value": 20}]}, {"item_ids": ["sku-0"]}]},
              {"name": "Switched off", "enabled": false, "hide": [{"item_ids": ["sku-50"]}]}]}
            """);

        Assert.Equal(1, stored.GetProperty("version").GetInt32());
        await ApiServer.UntilAsync("the other replica has the rules", async () => (await there.GetAsync("/rules")).GetProperty("version").GetInt32() == 1);
        foreach (ApiServer api in new[] { here, there })
        {
            JsonElement answer = await api.PostAsync("/recommendations", Question);
            string[] after = answer.GetProperty("items").TextIds();
            string[] hidden = [.. Enumerable.Range(0, RandomModel.Items).Where(i => i % 4 == 1 && i > 20).Select(i => $"sku-{i}")];
            Assert.Equal(before.Except(hidden).Order(), after.Order());
            Assert.Equal("sku-50", after[1]);
            Assert.Equal(["sku-40", "sku-42"], new[] { after[0], after[2] }.Order());
            Assert.Equal(["Sale", "Sold out"], answer.GetProperty("rules").Texts());
            JsonElement pinned = answer.GetProperty("items")[1];
            Assert.Equal((true, "Sale"), (pinned.Flag("pinned"), pinned.GetProperty("rules")[0].GetString()));
            Assert.EndsWith("Pinned by the rule “Sale”.", pinned.GetProperty("reason").Text("text"), StringComparison.Ordinal);
            Assert.Equal(900, answer.GetProperty("items")[0].GetProperty("boosted").GetDouble());
            Assert.Equal(10, (await api.PostAsync("/recommendations", """{"user_id": "b/c"}""")).GetProperty("items").GetArrayLength());
        }

        await there.SendAsync(HttpMethod.Put, "/rules", """{"version": 1, "rules": []}""");
        await ApiServer.UntilAsync("the lists are restored", async () => (await RecommendedAsync(here)).SequenceEqual(before));
        await using ApiServer restarted = await ApiServer.StartAsync(here.Store, cache.ConnectionString);
        await ApiServer.UntilAsync("a new replica reads the rules", async () => (await restarted.GetAsync("/rules")).GetProperty("version").GetInt32() == 2);
    }

    [Fact]
    public async Task The_recommend_endpoint_applies_rules_in_its_own_format()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(402), cache.ConnectionString);
        JsonElement before = await api.PostAsync("/recommend", """{"user_id": 11, "k": 5, "explain": true}""");
        int[] ids = before.MovieIds();

        await api.SendAsync(HttpMethod.Put, "/rules", $$"""{"version": 0, "rules": [{"name": "A", "boost": [{"item_ids": [{{ids[2]}}], "factor": 900}], "hide": [{"item_ids": [{{ids[0]}}]}]}]}""");
        JsonElement after = await api.PostAsync("/recommend", """{"user_id": 11, "k": 5, "explain": true}""");
        JsonElement unknown = await api.PostAsync("/recommend", """{"user_id": 4711, "k": 50}""");

        Assert.Equal(new[] { ids[2], ids[1], ids[3], ids[4] }, after.MovieIds()[..4]);
        Assert.Equal(5, after.MovieIds().Length);
        Assert.Equal(before.Names(), after.Names());
        Assert.DoesNotContain(ids[0], unknown.MovieIds()); // rules also apply to popular items
    }

    [Fact]
    public async Task A_change_of_rules_that_were_changed_meanwhile_is_refused()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ShopAsync(403, cache);

        HttpResponseMessage[] answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => PutAsync(api, $$"""{"version": 0, "rules": [{"name": "Rule {{i}}", "hide": [{"item_ids": ["sku-1"]}]}]}""")));

        HttpResponseMessage winner = answers.Single(answer => answer.StatusCode == HttpStatusCode.OK);
        Assert.Equal(4, answers.Count(answer => answer.StatusCode == HttpStatusCode.Conflict));
        Assert.Equal((await winner.BodyAsync()).GetRawText(), (await api.GetAsync("/rules")).GetRawText());
    }

    [Fact]
    public async Task A_rule_applies_between_its_times_and_a_cached_list_does_not_outlive_them()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ShopAsync(404, cache);
        DateTimeOffset start = DateTimeOffset.UtcNow.AddSeconds(2);

        await api.SendAsync(HttpMethod.Put, "/rules", $$"""
            {"version": 0, "rules": [{"name": "Soon", "from": "{{start:O}}", "hide": [{"item_ids": ["sku-20"]}]}, {"name": "Not for long", "until": {{start.ToUnixTimeSeconds()}}, "hide": [{"item_ids": ["sku-21"]}]}]}
            """);
        string[] before = await RecommendedAsync(api);
        bool isEarly = DateTimeOffset.UtcNow < start.AddSeconds(-1);
        await ApiServer.UntilAsync("both times have passed", async () => await RecommendedAsync(api) is var items && !items.Contains("sku-20") && items.Contains("sku-21"));

        Assert.True(!isEarly || (before.Contains("sku-20") && !before.Contains("sku-21")));
        Assert.True(DateTimeOffset.UtcNow >= start);
    }

    [Fact]
    public async Task With_damaged_rules_the_previous_ones_apply_until_they_are_deleted()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ShopAsync(408, cache);
        await api.SendAsync(HttpMethod.Put, "/rules", """{"version": 0, "rules": [{"name": "A", "hide": [{"item_ids": ["sku-20"]}]}]}""");
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        await redis.GetDatabase().StringSetAsync("nanorecsys:rules", """{"version": 7, "rules": [{"name": 3}]}""");

        using HttpResponseMessage refused = await PutAsync(api, """{"version": 1, "rules": []}""");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Contains("DEL nanorecsys:rules", (await refused.BodyAsync()).Text("detail"), StringComparison.Ordinal);
        Assert.DoesNotContain("sku-20", await RecommendedAsync(api));
        await redis.GetDatabase().KeyDeleteAsync("nanorecsys:rules");
        await ApiServer.UntilAsync("no rules apply", async () => (await RecommendedAsync(api)).Contains("sku-20"));
        await api.SendAsync(HttpMethod.Put, "/rules", """{"version": 0, "rules": [{"name": "B", "hide": [{"item_ids": ["sku-21"]}]}]}""");
        Assert.DoesNotContain("sku-21", await RecommendedAsync(api));
    }

    [Fact]
    public async Task A_preview_has_other_rules_or_another_version_and_changes_nothing()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ShopAsync(405, cache);
        string first = api.Store.ReadCurrent()!;
        string[] old = await RecommendedAsync(api);
        string second = new RandomModel(406) { Movies = RandomModel.Shop, Users = RandomModel.Shoppers }.Publish(api.Store).Manifest.ModelVersion;
        await api.ServeAsync(second);
        await api.SendAsync(HttpMethod.Put, "/rules", """{"version": 0, "rules": [{"name": "Stored", "hide": [{"item_ids": ["sku-9"]}]}]}""");
        string[] served = await RecommendedAsync(api);

        JsonElement tried = await api.PostAsync("/recommendations/preview", """{"user_id": "b/c", "k": 57, "rules": [{"name": "Tried", "pin": [{"item_id": "sku-9", "position": 3}]}]}""");
        JsonElement none = await api.PostAsync("/recommendations/preview", $$"""{"user_id": "b/c", "k": 57, "rules": [], "version": "{{first}}"}""");
        JsonElement stored = await api.PostAsync("/recommendations/preview", """{"user_id": "b/c", "k": 57}""");
        using HttpResponseMessage unknown = await api.SendAsync("/recommendations/preview", """{"user_id": "b/c", "version": "000000000000"}""");

        Assert.Equal("sku-9", tried.GetProperty("items").TextIds()[2]);
        Assert.Equal(old, none.GetProperty("items").TextIds());
        Assert.Equal(first, none.Text("version"));
        Assert.Equal(served, stored.GetProperty("items").TextIds());
        Assert.Equal(HttpStatusCode.Conflict, unknown.StatusCode);
        Assert.Equal(served, await RecommendedAsync(api));
        Assert.Equal(second, (await api.GetAsync("/models")).Text("served"));
    }

    [Theory]
    [InlineData("""{"rules": []}""", "missing")]
    [InlineData("""{"version": 0, "rules": [{}]}""", "missing")]
    [InlineData("""{"version": 0, "rules": [{"name": "A", "hide": [{}]}]}""", "missing")]
    [InlineData("""{"version": 0, "rules": [{"name": "A"}, {"name": "A"}]}""", "contradiction")]
    [InlineData("""{"version": 0, "rules": [{"name": "A", "hides": []}]}""", "extra_forbidden")]
    [InlineData("""{"version": 0, "rules": [{"name": "A", "from": "2026-02-01", "until": "2026-01-01"}]}""", "greater_than")]
    [InlineData("""{"version": 0, "rules": [{"name": "A", "boost": [{"item_ids": [1], "factor": 0}]}]}""", "out_of_range")]
    [InlineData("""{"version": 0, "rules": [{"name": "A", "hide": [{"where": [{"field": "colour", "op": "=", "value": "red"}]}]}]}""", "unknown_field")]
    public async Task Invalid_rules_are_refused(string body, string type)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(407));

        using HttpResponseMessage response = await PutAsync(api, body);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Equal(type, (await response.BodyAsync()).GetProperty("detail")[0].Text("type"));
    }

    private static Task<ApiServer> ShopAsync(int seed, CacheServer cache) =>
        ApiServer.StartAsync(new RandomModel(seed) { Movies = RandomModel.Shop, Users = RandomModel.Shoppers }, cache.ConnectionString);

    private static async Task<string[]> RecommendedAsync(ApiServer api) => (await api.PostAsync("/recommendations", Question)).GetProperty("items").TextIds();

    private static Task<HttpResponseMessage> PutAsync(ApiServer api, string body) =>
        api.Client.PutAsync(new Uri("/rules", UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
}
