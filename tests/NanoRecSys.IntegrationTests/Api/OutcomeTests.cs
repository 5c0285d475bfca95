using System.Diagnostics.Metrics;
using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Shown lists, their clicks and conversions, and the exclusion of shown items.</summary>
public sealed class OutcomeTests
{
    public static TheoryData<string> Kinds => CacheServer.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public async Task Events_count_for_the_list_that_they_name_or_the_latest_with_the_item_once(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(641), cache.ConnectionString);
        JsonElement mail = await api.PostAsync("/recommendations", """{"user_id": 11, "k": 5, "surface": "mail"}""");
        JsonElement home = await api.PostAsync("/recommendations", """{"user_id": 11, "k": 5, "surface": "home"}""");
        Assert.Equal(mail.GetProperty("items").Ids(), home.GetProperty("items").Ids());
        await api.PostAsync("/recommendations", """{"session": [{"item_id": 1001}], "k": 5}"""); // without a user: not counted
        int[] items = home.GetProperty("items").Ids();

        await api.PostAsync("/events", $$"""
            {"events": [
              {"user_id": 11, "item_id": {{items[0]}}, "type": "view", "request_id": "{{mail.Text("request_id")}}"},
              {"user_id": 11, "item_id": {{items[1]}}, "type": "view"},
              {"user_id": 11, "item_id": {{items[1]}}, "type": "purchase"},
              {"user_id": 11, "item_id": {{items[2]}}, "type": "dislike"},
              {"user_id": 11, "item_id": {{items[3]}}, "type": "view", "request_id": "of nobody"},
              {"user_id": 11, "item_id": {{items[4]}}, "type": "view", "timestamp": 1000000},
              {"user_id": 7, "item_id": {{items[4]}}, "type": "view"}]}
            """);

        JsonElement[] rows = [.. (await api.GetAsync("/outcomes?days=2")).GetProperty("outcomes").EnumerateArray()];
        Assert.Equal(["home: 1 5 2 1", "mail: 1 5 1 0"], rows.Select(row =>
            $"{row.Text("surface")}: {Number(row, "lists")} {Number(row, "impressions")} {Number(row, "clicks")} {Number(row, "conversions")}"));
        JsonElement rate = rows[0].GetProperty("click_rate");
        Assert.Equal((0.4, 0.118, 0.769), (rate.GetProperty("value").GetDouble(), Math.Round(rate.GetProperty("low").GetDouble(), 3), Math.Round(rate.GetProperty("high").GetDouble(), 3)));

        // Everything expires, and a deleted user leaves only the deletion mark.
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        IServer server = redis.GetServers()[0];
        Assert.All((string[])["nanorecsys:user:{11}:shown", "nanorecsys:user:{11}:taken", .. server.Keys(pattern: "nanorecsys:outcomes:*").Select(key => key.ToString())],
            key => Assert.NotNull(redis.GetDatabase().KeyTimeToLive(key)));
        await api.SendAsync(HttpMethod.Delete, "/users/11");
        Assert.Equal(["nanorecsys:user:{11}:forgotten"], server.Keys().Select(key => key.ToString()).Where(key => key.Contains("{11}", StringComparison.Ordinal)));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task Exclude_shown_leaves_out_the_last_lists_and_no_older_ones(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(642), cache.ConnectionString);
        int[] first = await ShowAsync(0);
        int[] second = await ShowAsync(1);
        int[] third = await ShowAsync(2);
        int[] fourth = await ShowAsync(1);

        Assert.Equal(9, first.Concat(second).Concat(third).Distinct().Count());
        Assert.Equal(first, fourth); // only the third list is left out
        using HttpResponseMessage nobody = await api.SendAsync("/recommendations", """{"session": [{"item_id": 1001}], "exclude_shown": 1}""");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, nobody.StatusCode);

        async Task<int[]> ShowAsync(int lists) => (await api.PostAsync("/recommendations", $$"""{"user_id": 11, "k": 3, "exclude_shown": {{lists}}}""")).GetProperty("items").Ids();
    }

    [Fact]
    public async Task Concurrent_clicks_of_hundreds_of_users_are_all_counted()
    {
        const int users = 400;
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(649), cache.ConnectionString);
        int[][] lists = await Task.WhenAll(Enumerable.Range(9000, users).Select(async user => (await api.PostAsync("/recommend", $$"""{"user_id": {{user}}, "k": 5}""")).MovieIds()));

        for (int round = 0; round < 5; round++)
        {
            string events = string.Join(',', lists.Select((items, user) => $$"""{"user_id": {{9000 + user}}, "item_id": {{items[round]}}, "type": "purchase"}"""));
            await api.PostAsync("/events", $$"""{"events": [{{events}}]}""");

            JsonElement row = Assert.Single((await api.GetAsync("/outcomes")).GetProperty("outcomes").EnumerateArray());

            int taken = users * (round + 1);
            Assert.Equal((users * 5, taken, taken), (Number(row, "impressions"), Number(row, "clicks"), Number(row, "conversions")));
        }
    }

    [Fact]
    public async Task A_split_has_a_result_in_outcomes_and_metrics()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer seed = ApiServer.Start();
        string[] versions = [.. ((int[])[643, 644]).Select(number => new RandomModel(number).Publish(seed.Store).Manifest.ModelVersion)];
        await using ApiServer api = await ApiServer.StartAsync(seed.Store, cache.ConnectionString, ($"Models:Split:{versions[0]}", "2"), ($"Models:Split:{versions[1]}", "1"));
        var counted = new Dictionary<string, long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, it) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, api.Meters) && instrument.Name is "nanorecsys.impressions" or "nanorecsys.outcomes")
                {
                    it.EnableMeasurementEvents(instrument);
                }
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, count, tags, _) =>
        {
            lock (counted)
            {
                string name = $"{instrument.Name} {string.Join(' ', tags.ToArray().Select(tag => tag.Value).Where(value => !versions.Contains(value)))}";
                counted[name] = counted.GetValueOrDefault(name) + count;
            }
        });
        listener.Start();
        await ApiServer.UntilAsync("both versions are loaded", async () => !(await api.StatusAsync()).GetProperty("warnings").GetRawText().Contains("Models:Split", StringComparison.Ordinal));
        for (int user = 9000; user < 9020; user++)
        {
            JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{user}}, "k": 2}""");
            await api.PostAsync("/events", $$"""{"user_id": {{user}}, "item_id": {{answer.MovieIds()[0]}}}""");
        }

        JsonElement report = await api.GetAsync("/outcomes");

        JsonElement[] comparisons = [.. report.GetProperty("comparisons").EnumerateArray()];
        Assert.Equal(["click_rate", "conversion_rate"], comparisons.Select(comparison => comparison.Text("rate")));
        Assert.Equal((versions[1], versions[0]), (comparisons[0].Text("version"), comparisons[0].Text("with")));
        Assert.Equal($"The click rate of {versions[1]} is 50.00% and of {versions[0]} 50.00%", comparisons[0].Text("sentence").Split(':')[0]);
        Assert.Equal(20, report.GetProperty("outcomes").EnumerateArray().Sum(row => Number(row, "clicks")));
        lock (counted)
        {
            Assert.Equal((40, 20), (counted["nanorecsys.impressions default"], counted["nanorecsys.outcomes default clicks"]));
        }
    }

    [Fact]
    public async Task Without_Redis_lists_are_answered_and_outcomes_are_not()
    {
        CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(645), cache.ConnectionString);
        cache.Dispose();

        JsonElement answer = await api.PostAsync("/recommendations", """{"user_id": 11, "k": 3, "exclude_shown": 2}""");
        using HttpResponseMessage outcomes = await api.FetchAsync("/outcomes");

        Assert.Equal(3, answer.GetProperty("items").GetArrayLength());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, outcomes.StatusCode);
    }

    private static long Number(JsonElement row, string name) => row.GetProperty(name).GetInt64();
}
