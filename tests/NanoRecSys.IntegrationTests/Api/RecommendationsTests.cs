namespace NanoRecSys.IntegrationTests.Api;

/// <summary><c>POST /recommendations</c> on a catalog with ids and attributes of all kinds.</summary>
public sealed class RecommendationsTests
{
    private static readonly string[] All = [.. RandomModel.Shop.Items.Select(item => item.Id.Text)];

    [Fact]
    public async Task An_answer_has_items_with_their_attributes_scores_and_reasons()
    {
        ApiServer api = await SharedServers.Shop;

        JsonElement answer = await api.PostAsync("/recommendations", """{"user_id": "b/c", "k": 3, "explain": true, "include_history": true}""");

        Assert.Equal(["debug_timing", "history", "items", "mode", "request_id", "served_from_cache", "stages", "version"], answer.Names());
        Assert.Equal(["sku-2", "sku-0", "sku-1"], answer.GetProperty("history").TextIds());
        JsonElement first = answer.GetProperty("items")[0];
        Assert.Equal(["attributes", "categories", "item_id", "reason", "score", "title"], first.Names());
        int i = Array.IndexOf(All, first.Text("item_id"));
        Assert.Equal(
            $$"""{"brand":"Brand {{i % 4}}","price":{{i}},"tags":{{(i % 2 == 0 ? "[\"even\"" : "[\"odd\"")}}{{(i % 3 == 0 ? ",\"three\"]" : "]")}},"blurb":"A fine thing, number {{i}}.","launched":"{{new DateTime(2026, 1, 1).AddDays(i):yyyy-MM-dd}}T00:00:00Z"}""",
            first.GetProperty("attributes").GetRawText());
        Assert.Equal("history", first.GetProperty("reason").Text("kind"));
        Assert.Equal(["because", "is_new", "kind", "shared_categories", "text"], first.GetProperty("reason").Names());
    }

    [Fact]
    public async Task It_recommends_the_same_items_as_the_recommend_endpoint()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement movies = await api.PostAsync("/recommend", """{"user_id": 11, "k": 20}""");
        JsonElement items = await api.PostAsync("/recommendations", """{"user_id": 11, "k": 20}""");
        JsonElement session = await api.PostAsync("/recommendations", """{"session": [{"item_id": 1003}, {"item_id": "1001"}, {"item_id": 1002}], "k": 20}""");

        Assert.Equal(movies.MovieIds(), items.GetProperty("items").Ids());
        Assert.Equal(movies.MovieIds(), session.GetProperty("items").Ids());
        Assert.Equal(movies.Scores(), items.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("score").GetSingle()));
    }

    [Fact]
    public async Task Pages_of_one_list_have_each_item_once_up_to_a_thousand()
    {
        ApiServer api = await SharedServers.Shop;

        string[] whole = await ItemsAsync(api, """{"user_id": "b/c", "k": 1000}""");
        string[] pages = [.. await ItemsAsync(api, """{"user_id": "b/c", "k": 20}"""), .. await ItemsAsync(api, """{"user_id": "b/c", "k": 30, "offset": 20}"""), .. await ItemsAsync(api, """{"user_id": "b/c", "k": 1000, "offset": 50}""")];

        Assert.Equal(All.Except(["sku-2", "sku-0", "sku-1"]).Order(), whole.Order());
        Assert.Equal(whole, pages);
        Assert.Empty(await ItemsAsync(api, """{"user_id": "b/c", "k": 1000, "offset": 9000}"""));
        Assert.Equal(whole.Length, (await ItemsAsync(api, """{"user_id": "b/c", "k": 1000, "diversity": 0.4}""")).Length);
    }

    [Fact]
    public async Task An_item_in_view_is_the_newest_of_the_history_and_is_not_recommended()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(304) { Movies = RandomModel.Shop, Users = RandomModel.Shoppers, SeesOnlyTheLast = true, Ranker = null });

        string[] viewed = await ItemsAsync(api, """{"user_id": "b/c", "item_id": "a/b", "k": 10}""");
        string[] session = await ItemsAsync(api, """{"session": [{"item_id": "sku-2"}, {"item_id": "sku-0"}, {"item_id": "sku-1"}, {"item_id": "a/b"}], "k": 10}""");
        string[] alone = await ItemsAsync(api, """{"item_id": "a/b", "k": 60}""");
        string[] stranger = await ItemsAsync(api, """{"user_id": "nobody", "item_id": "a/b", "k": 60}""");
        JsonElement unknown = await api.PostAsync("/recommendations", """{"user_id": "b/c", "item_id": "no such", "include_history": true}""");
        JsonElement echoed = await api.PostAsync("/recommendations", """{"user_id": "b/c", "item_id": "a/b", "include_history": true}""");

        Assert.Equal(session, viewed);
        Assert.Equal(59, alone.Length);
        Assert.Equal(alone, stranger);
        Assert.Equal((await api.GetAsync("/items/a%2Fb/similar?k=59")).GetProperty("items").TextIds(), alone);
        Assert.Equal("no such", Assert.Single(unknown.GetProperty("unknown_item_ids").EnumerateArray()).GetString());
        Assert.Equal(["sku-2", "sku-0", "sku-1"], echoed.GetProperty("history").TextIds());
    }

    [Theory]
    [InlineData("price", "=", "10")]
    [InlineData("price", "!=", "10")]
    [InlineData("price", "<", "10")]
    [InlineData("PRICE", "<=", "10")]
    [InlineData("price", ">", "49.5")]
    [InlineData("price", ">=", "50")]
    [InlineData("price", "in", "[10, 20, 99]")]
    [InlineData("brand", "=", "\"brand 3\"")]
    [InlineData("brand", "!=", "\"Brand 3\"")]
    [InlineData("brand", "in", "[\"Brand 1\", \"Brand 2\"]")]
    [InlineData("brand", "contains", "\"AND 1\"")]
    [InlineData("tags", "=", "\"three\"")]
    [InlineData("tags", "!=", "\"three\"")]
    [InlineData("tags", "in", "[\"odd\", \"three\"]")]
    [InlineData("blurb", "contains", "\"number 5\"")]
    [InlineData("title", "contains", "\"thing 4\"")]
    [InlineData("categories", "=", "\"Shelf 1\"")]
    [InlineData("launched", ">=", "\"2026-02-01T00:00:00Z\"")]
    [InlineData("launched", "<", "1769904000")]
    [InlineData("launched", "=", "\"2026-01-31\"")]
    public async Task A_condition_admits_exactly_the_items_that_meet_it(string field, string op, string value)
    {
        ApiServer api = await SharedServers.Shop;
        JsonElement wanted = JsonSerializer.Deserialize<JsonElement>(value);

        string filter = $$$"""{"where": [{"field": "{{{field}}}", "op": "{{{op}}}", "value": {{{value}}}}]}""";
        string[] personal = await ItemsAsync(api, $$"""{"user_id": "b/c", "k": 60, "filters": {{filter}}}""");
        string[] popular = await ItemsAsync(api, $$"""{"user_id": "nobody", "k": 60, "filters": {{filter}}}""");

        string[] passing = [.. RandomModel.Shop.Items.Where(item => Holds(item, field.ToLowerInvariant(), op, wanted)).Select(item => item.Id.Text)];
        Assert.NotEmpty(passing);
        Assert.Equal(passing.Order(StringComparer.Ordinal), popular.Order(StringComparer.Ordinal));
        Assert.Equal(passing.Except(["sku-2", "sku-0", "sku-1"]).Order(StringComparer.Ordinal), personal.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task All_filters_apply_together()
    {
        ApiServer api = await SharedServers.Shop;

        string[] items = await ItemsAsync(api, """
            {"user_id": "b/c", "k": 60, "filters": {"categories_any": ["shelf 0", "Shelf 2"], "categories_none": ["Shelf 1"], "where": [{"field": "price", "op": ">", "value": 20}, {"field": "tags", "op": "=", "value": "odd"}],
             "include_ids": ["sku-21", "sku-27", "sku-33", "sku-39", "sku-22", "sku-45"], "exclude_ids": ["sku-33", "no such"], "min_popularity": 20, "max_popularity": 35}}
            """);

        Assert.Equal(["sku-27", "sku-39"], items.Order());
    }

    [Theory]
    [InlineData("{\"where\": [{\"field\": \"colour\", \"op\": \"=\", \"value\": \"red\"}]}", "unknown_field", "there are blurb, brand, launched, price, tags, title, categories, created_at")]
    [InlineData("{\"where\": [{\"field\": \"price\", \"op\": \"=\", \"value\": \"ten\"}]}", "type_error", "'price' is a number: compare it with numbers")]
    [InlineData("{\"where\": [{\"field\": \"brand\", \"op\": \"=\", \"value\": 3}]}", "type_error", "'brand' is a category: compare it with strings")]
    [InlineData("{\"where\": [{\"field\": \"launched\", \"op\": \">\", \"value\": \"soon\"}]}", "type_error", "ISO 8601")]
    [InlineData("{\"where\": [{\"field\": \"brand\", \"op\": \"<\", \"value\": \"B\"}]}", "enum", "operators are =, !=, in, contains")]
    [InlineData("{\"where\": [{\"field\": \"price\", \"op\": \"~\", \"value\": 3}]}", "enum", "operators are =, !=, <, <=, >, >=, in")]
    [InlineData("{\"where\": [{\"field\": \"price\", \"op\": \"in\", \"value\": 3}]}", "list_type", "valid list")]
    [InlineData("{\"where\": [{\"field\": \"price\", \"op\": \"=\", \"value\": [3]}]}", "type_error", "finite number or a string")]
    [InlineData("{\"where\": [{\"field\": \"price\", \"op\": \"=\"}]}", "missing", "Field required")]
    [InlineData("{\"where\": [{\"field\": \"price\", \"op\": \">=\", \"value\": 20}, {\"field\": \"price\", \"op\": \"<=\", \"value\": 10}]}", "contradiction", "No item can have price >= 20 and price <= 10; the catalog has 0 to 59")]
    [InlineData("{\"categories_any\": [\"Shelf 1\"], \"categories_none\": [\"shelf 1\"]}", "contradiction", "categories")]
    [InlineData("{\"categories_any\": [\"Shelf 9\"]}", "unknown_category", "there are Shelf 0, Shelf 1, Shelf 2")]
    [InlineData("{\"include_ids\": [\"a/b\"], \"exclude_ids\": [\"a/b\", \"ä\"]}", "contradiction", "exclude_ids has all of include_ids")]
    [InlineData("{\"min_popularity\": 5, \"max_popularity\": 4}", "contradiction", "popularity >= 5 and popularity <= 4")]
    [InlineData("{\"genres_any\": [\"Drama\"]}", "extra_forbidden", "Unknown field")]
    public async Task An_invalid_filter_is_refused_with_the_known_values(string filter, string type, string message)
    {
        ApiServer api = await SharedServers.Shop;

        using HttpResponseMessage response = await api.SendAsync("/recommendations", $$"""{"user_id": "b/c", "filters": {{filter}}}""");

        JsonElement error = (await response.BodyAsync()).GetProperty("detail")[0];
        Assert.Equal((422, type), ((int)response.StatusCode, error.Text("type")));
        Assert.Contains(message, error.Text("msg"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "missing")]
    [InlineData("{\"user_id\": \"anna\", \"session\": [{\"item_id\": \"ä\"}]}", "extra_forbidden")]
    [InlineData("{\"session\": []}", "too_short")]
    [InlineData("{\"session\": [{\"item_id\": \"ä\", \"time\": 5}, {\"item_id\": \"100%\"}]}", "length_mismatch")]
    [InlineData("{\"session\": [{\"item_id\": \"no such\"}]}", "unknown_items")]
    [InlineData("{\"item_id\": \"no such\"}", "unknown_items")]
    [InlineData("{\"user_id\": \"anna\", \"k\": 1001}", "less_than_equal")]
    [InlineData("{\"user_id\": \"anna\", \"offset\": 9001}", "less_than_equal")]
    [InlineData("{\"user_id\": \"anna\", \"offset\": 1000, \"diversity\": 0.1}", "less_than_equal")]
    [InlineData("{\"user_id\": \"a\\u0007b\"}", "id_type")]
    [InlineData("{\"user_id\": \"\\ud800\"}", "id_type")]
    [InlineData("{\"user_id\": 1.5}", "id_type")]
    [InlineData("{\"user_id\": NaN}", "json_invalid")]
    [InlineData("{\"user_id\": \"anna\", \"boost\": [{\"factor\": 2}]}", "missing")]
    [InlineData("{\"user_id\": \"anna\", \"boost\": [{\"categories_any\": [\"Shelf 1\"], \"factor\": 0}]}", "out_of_range")]
    [InlineData("{\"user_id\": \"anna\", \"pin\": [{\"item_id\": \"ä\", \"position\": 0}]}", "greater_than_equal")]
    [InlineData("{\"user_id\": \"anna\", \"pin\": [{\"item_id\": \"ä\", \"position\": 1}, {\"item_id\": \"a/b\", \"position\": 1}]}", "contradiction")]
    public async Task An_invalid_request_is_refused(string body, string type)
    {
        ApiServer api = await SharedServers.Shop;

        using HttpResponseMessage response = await api.SendAsync("/recommendations", body);

        Assert.Equal((422, type), ((int)response.StatusCode, (await response.BodyAsync()).GetProperty("detail")[0].Text("type")));
    }

    [Theory]
    [InlineData(257)]
    [InlineData(100_000)]
    public async Task An_id_beyond_256_bytes_and_JSON_of_any_depth_are_refused(int length)
    {
        ApiServer api = await SharedServers.Shop;

        using HttpResponseMessage id = await api.SendAsync("/recommendations", $$"""{"user_id": "{{new string('x', length)}}"}""");
        using HttpResponseMessage deep = await api.SendAsync("/recommendations", $$"""{"user_id": "anna", "filters": {{new string('[', length)}}""");
        string longest = new('ä', 128);

        Assert.Equal((422, 422), ((int)id.StatusCode, (int)deep.StatusCode));
        Assert.Equal(10, (await ItemsAsync(api, $$"""{"user_id": "{{longest}}"}""")).Length);
    }

    [Theory]
    [InlineData(true, "b/c")]
    [InlineData(true, "nobody")]
    [InlineData(false, "b/c")]
    public async Task A_boost_multiplies_the_odds_and_is_visible(bool isRanked, string user)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(310) { Movies = RandomModel.Shop, Users = RandomModel.Shoppers, Ranker = isRanked ? RandomModel.RankerKind.Silent : null });
        async Task<Dictionary<string, JsonElement>> AskAsync(string boost) =>
            (await api.PostAsync("/recommendations", $$"""{"user_id": "{{user}}", "k": 60{{boost}}}""")).GetProperty("items").EnumerateArray().ToDictionary(item => item.Text("item_id"));

        Dictionary<string, JsonElement> plain = await AskAsync("");
        Dictionary<string, JsonElement> boosted = await AskAsync(""", "boost": [{"where": [{"field": "brand", "op": "=", "value": "Brand 1"}], "factor": 2}, {"categories_any": ["Shelf 1"], "factor": 3}]""");

        Assert.Equal(plain.Count, boosted.Count);
        Assert.Equal(boosted.Values.Select(Score).OrderDescending(), boosted.Values.Select(Score));
        foreach ((string id, JsonElement item) in boosted)
        {
            int i = Array.IndexOf(All, id);
            double factor = (i % 4 == 1 ? 2 : 1) * (i % 3 == 1 ? 3 : 1);
            Assert.Equal(factor, item.TryGetProperty("boosted", out JsonElement shown) ? shown.GetDouble() : 1);
            double before = Score(plain[id]);
            double expected = user == "nobody" ? before * factor
                : !isRanked ? (factor * (1 + before) - (1 - before)) / (factor * (1 + before) + (1 - before))
                : factor * before / (1 - before + factor * before);
            Assert.Equal(expected, Score(item), 1e-4);
        }
    }

    [Fact]
    public async Task A_boosted_item_from_far_down_reaches_a_short_list()
    {
        await using ApiServer api = await ApiServer.StartAsync(
            new RandomModel(311) { Movies = RandomModel.Shop, Users = RandomModel.Shoppers }, redis: null, ("Recommendations:Candidates", "1"));
        string last = (await ItemsAsync(api, """{"user_id": "b/c", "k": 10}""")).Last();

        string[] items = await ItemsAsync(api, $$"""{"user_id": "b/c", "k": 1, "boost": [{"where": [{"field": "title", "op": "=", "value": "{{RandomModel.Shop.Items[Array.IndexOf(All, last)].Title}}"}], "factor": 1000}]}""");

        Assert.Equal([last], items);
    }

    [Theory]
    [InlineData("b/c")]
    [InlineData("nobody")]
    public async Task Pinned_items_have_their_position_in_the_whole_list(string user)
    {
        ApiServer api = await SharedServers.Shop;
        string[] plain = await ItemsAsync(api, $$"""{"user_id": "{{user}}", "k": 60}""");
        string pins = """, "pin": [{"item_id": "sku-2", "position": 5}, {"item_id": "ä", "position": 2}, {"item_id": "sku-59", "position": 9000}, {"item_id": "no such", "position": 1}, {"item_id": "100%", "position": 3}], "filters": {"categories_none": ["Shelf 2"], "exclude_ids": ["100%"]}""";
        JsonElement answer = await api.PostAsync("/recommendations", $$"""{"user_id": "{{user}}", "k": 60{{pins}}}""");
        string[] second = await ItemsAsync(api, $$"""{"user_id": "{{user}}", "k": 2, "offset": 3{{pins}}}""");

        string[] pinned = answer.GetProperty("items").TextIds();
        List<string> expected = [.. plain.Except(["sku-2", "ä", "sku-59", "100%"]).Where(id => Array.IndexOf(All, id) % 3 != 2)];
        expected.Insert(1, "ä");
        expected.Insert(4, "sku-2"); // although the user has seen it
        expected.Add("sku-59"); // although its category is filtered out
        Assert.Equal(expected, pinned);
        Assert.Equal(expected[3..5], second);
        Assert.Equal(["ä", "sku-2", "sku-59"], answer.GetProperty("items").EnumerateArray().Where(item => item.TryGetProperty("pinned", out _)).Select(item => item.Text("item_id")));
        Assert.Equal("no such", Assert.Single(answer.GetProperty("unknown_item_ids").EnumerateArray()).GetString());
    }

    private static double Score(JsonElement item) => item.GetProperty("score").GetDouble();

    private static async Task<string[]> ItemsAsync(ApiServer api, string body) => (await api.PostAsync("/recommendations", body)).GetProperty("items").TextIds();

    private static bool Holds(CatalogItem item, string field, string op, JsonElement wanted)
    {
        JsonElement[] values = wanted.ValueKind == JsonValueKind.Array ? [.. wanted.EnumerateArray()] : [wanted];
        string[] texts = field switch { "title" => [item.Title], "categories" => [.. item.Categories], _ => [.. item.Attributes[field].Texts] };
        double number = field is "price" or "launched" ? item.Attributes[field].Number : double.NaN;
        double bound = values[0].ValueKind == JsonValueKind.Number ? values[0].GetDouble() : DateTimeOffset.TryParse(values[0].GetString(), out DateTimeOffset time) ? time.ToUnixTimeSeconds() : double.NaN;
        bool Has() => texts.Length == 0
            ? values.Any(value => value.ValueKind == JsonValueKind.Number ? value.GetDouble() == number : bound == number)
            : values.Any(value => texts.Contains(value.GetString(), StringComparer.OrdinalIgnoreCase));
        return op switch
        {
            "=" or "in" => Has(),
            "!=" => !Has(),
            "<" => number < bound,
            "<=" => number <= bound,
            ">" => number > bound,
            ">=" => number >= bound,
            _ => texts.Any(text => text.Contains(wanted.GetString()!, StringComparison.OrdinalIgnoreCase)),
        };
    }
}
