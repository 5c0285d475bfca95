using NanoRecSys.Core.Events;
using NanoRecSys.Training.Data;
using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class EventTests
{
    private const int Newcomer = 5001; // unknown to every model

    public static TheoryData<string> Kinds => CacheServer.Kinds;

    [Theory, MemberData(nameof(Kinds))]
    public async Task The_next_recommendation_reflects_an_event_on_every_replica(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer here = await ApiServer.StartAsync(new RandomModel(101), cache.ConnectionString);
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cache.ConnectionString);
        const string question = """{"user_id": 11, "k": 5, "include_history": true}""";
        int liked = (await here.PostAsync("/recommend", question)).MovieIds()[0];
        await ApiServer.UntilAsync("the other replica has the answer from the cache", async () => (await there.PostAsync("/recommend", question)).Flag("served_from_cache"));

        JsonElement receipt = await here.PostAsync("/events", $$"""{"user_id": 11, "movie_id": {{liked}}, "type": "like"}""");

        Assert.Equal((1, 0), (receipt.GetProperty("stored").GetInt32(), receipt.GetProperty("duplicates").GetInt32()));
        foreach (ApiServer replica in new[] { here, there })
        {
            // Visible at once on the replica that stored it, on the other as soon as the notice arrives.
            await ApiServer.UntilAsync("the event is visible", async () =>
                replica == here || (await replica.PostAsync("/recommend", question)).GetProperty("history").Ids().Length == 4);
            JsonElement answer = await replica.PostAsync("/recommend", question);
            Assert.Equal([1003, 1001, 1002, liked], answer.GetProperty("history").Ids());
            Assert.DoesNotContain(liked, answer.MovieIds());
            Assert.Equal("live", answer.Text("mode"));
        }

        Assert.True((await there.PostAsync("/recommend", question)).Flag("served_from_cache"));
        int[] history = await there.HistoryAsync(11);
        Assert.Equal([liked, 1002, 1001, 1003], history);
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_new_user_is_known_after_the_first_event(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(102), cache.ConnectionString);
        string question = $$"""{"user_id": {{Newcomer}}, "k": 5}""";
        Assert.Equal("unknown_user", (await api.PostAsync("/recommend", question)).GetProperty("debug_timing").Text("fallback_reason"));

        await api.PostAsync("/events", $$"""{"user_id": {{Newcomer}}, "movie_id": 1010}""");
        JsonElement user = await api.PostAsync("/recommend", question);
        JsonElement session = await api.PostAsync("/recommend/session", """{"movie_ids": [1010], "k": 5}""");

        Assert.Equal(session.MovieIds(), user.MovieIds());
        Assert.False(user.GetProperty("debug_timing").TryGetProperty("fallback_reason", out _));
        int[] history = await api.HistoryAsync(Newcomer);
        Assert.Equal([1010], history);
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task Events_that_arrive_out_of_order_are_read_in_order_of_time(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(103), cache.ConnectionString);

        await api.PostAsync("/events", $$"""{"user_id": {{Newcomer}}, "movie_id": 1030, "timestamp": 3000}""");
        await api.PostAsync("/events", $$"""
            {"events": [{"user_id": {{Newcomer}}, "movie_id": 1020, "timestamp": 2000}, {"user_id": {{Newcomer}}, "movie_id": 1021, "timestamp": 2000},
                        {"user_id": {{Newcomer}}, "movie_id": 1010, "timestamp": 1000}]}
            """);

        int[] history = await api.HistoryAsync(Newcomer);
        Assert.Equal([1030, 1021, 1020, 1010], history);
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task An_event_that_is_sent_again_is_stored_once(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(104), cache.ConnectionString);
        string[] same =
        [
            $$"""{"user_id": {{Newcomer}}, "movie_id": 1010, "timestamp": 1000, "key": "a"}""",
            $$"""{"user_id": {{Newcomer}}, "movie_id": 1011, "timestamp": 1001}""",
        ];
        foreach (string body in same.Concat(same))
        {
            await api.PostAsync("/events", body);
        }

        JsonElement twice = await api.PostAsync("/events", $$"""{"events": [{{same[0]}}, {{same[0]}}, {{same[1]}}]}""");

        Assert.Equal((0, 3), (twice.GetProperty("stored").GetInt32(), twice.GetProperty("duplicates").GetInt32()));
        int[] history = await api.HistoryAsync(Newcomer);
        Assert.Equal([1011, 1010], history);
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_key_of_another_event_is_refused(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(105), cache.ConnectionString);
        await api.PostAsync("/events", $$"""{"user_id": {{Newcomer}}, "movie_id": 1010, "timestamp": 1000, "key": "a"}""");

        using HttpResponseMessage response = await api.SendAsync("/events", $$"""{"user_id": {{Newcomer}}, "movie_id": 1011, "timestamp": 1000, "key": "a"}""");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Equal("key_reused", (await response.BodyAsync()).GetProperty("detail")[0].Text("type"));
        await api.PostAsync("/events", """{"user_id": 11, "movie_id": 1011, "timestamp": 1000, "key": "a"}"""); // keys are per user
    }

    [Fact]
    public async Task Invalid_events_of_a_batch_are_refused_individually_and_the_others_stored()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(106), cache.ConnectionString);
        long tomorrow = DateTimeOffset.UtcNow.AddDays(1).ToUnixTimeSeconds();

        JsonElement receipt = await api.PostAsync("/events", $$"""
            {"events": [
              {"user_id": {{Newcomer}}, "movie_id": 1010, "rating": 4.5, "timestamp": 1000},
              {"user_id": {{Newcomer}}, "movie_id": 9},
              {"user_id": {{Newcomer}}, "movie_id": 1011, "timestamp": {{tomorrow}}},
              {"user_id": {{Newcomer}}, "movie_id": 1011, "timestamp": {{tomorrow}}000},
              {"user_id": {{Newcomer}}, "movie_id": 1011, "rating": 1e300},
              {"user_id": {{Newcomer}}, "movie_id": 1011, "type": " rate "},
              {"user_id": {{Newcomer}}, "movie_id": 1011, "type": "a\u0007"},
              {"user_id": {{Newcomer}}, "movie_id": 1011, "stars": 5, "colour": "red"},
              {"movie_id": 1011},
              7,
              {"user_id": {{Newcomer}}, "movie_id": 1012, "timestamp": 2000}]}
            """);

        Assert.Equal(2, receipt.GetProperty("stored").GetInt32());
        (int Index, string Type)[] refused = [.. receipt.GetProperty("refused").EnumerateArray().SelectMany(row => row.GetProperty("errors").EnumerateArray()
            .Select(error => (row.GetProperty("index").GetInt32(), error.Text("type"))))];
        Assert.Equal(
            [(1, "unknown_item"), (2, "in_the_future"), (3, "in_the_future"), (4, "out_of_range"), (5, "missing"), (6, "string_type"),
             (7, "extra_forbidden"), (7, "extra_forbidden"), (8, "missing"), (9, "model_attributes_type")],
            refused);
        Assert.Equal(["body", "events", "1", "movie_id"], receipt.GetProperty("refused")[0].GetProperty("errors")[0].GetProperty("loc").Texts());
        int[] history = await api.HistoryAsync(Newcomer);
        Assert.Equal([1012, 1010], history);
    }

    [Theory]
    [InlineData("""{"user_id": 1, "movie_id": 9}""", "unknown_item")]
    [InlineData("""{"user_id": 1, "movie_id": 1001, "user_id": 2}""", "json_invalid")]
    [InlineData("""{"events": []}""", "too_short")]
    [InlineData("""{"events": [{"user_id": 1, "movie_id": 1001}], "source": "x"}""", "extra_forbidden")]
    public async Task A_batch_without_any_valid_event_is_an_error(string body, string type)
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(107), cache.ConnectionString);

        using HttpResponseMessage response = await api.SendAsync("/events", body);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Equal(type, (await response.BodyAsync()).GetProperty("detail")[0].Text("type"));
    }

    [Fact]
    public async Task A_clock_up_to_five_minutes_ahead_is_tolerated()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(113), cache.ConnectionString);
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

        JsonElement receipt = await api.PostAsync("/events", $$"""
            {"events": [
              {"user_id": {{Newcomer}}, "movie_id": 1010, "timestamp": {{now + 240}}},
              {"user_id": {{Newcomer}}, "movie_id": 1011, "timestamp": {{now + 360}}},
              {"user_id": {{Newcomer}}, "movie_id": 1012, "timestamp": {{now - 86400}}},
              {"user_id": {{Newcomer}}, "movie_id": 1013, "timestamp": -1},
              {"user_id": {{Newcomer}}, "movie_id": 1014}]}
            """);

        Assert.Equal(
            [(1, "in_the_future"), (3, "greater_than_equal")],
            receipt.GetProperty("refused").EnumerateArray().Select(row => (row.GetProperty("index").GetInt32(), row.GetProperty("errors")[0].Text("type"))));
        int[] history = await api.HistoryAsync(Newcomer);
        Assert.Equal([1010, 1014, 1012], history);
    }

    [Fact]
    public async Task An_unreadable_stored_event_fails_no_recommendation_and_is_reported_where_it_blocks_a_call()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(114), cache.ConnectionString);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        await redis.GetDatabase().HashSetAsync("nanorecsys:user:{11}:events", "key:a", "{");

        using HttpResponseMessage response = await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010, "timestamp": 5, "key": "a"}""");
        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 11}""");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.StartsWith("A stored event cannot be read", (await response.BodyAsync()).Text("detail"), StringComparison.Ordinal);
        Assert.Equal(("degraded", 10), (answer.Text("mode"), answer.MovieIds().Length));
    }

    [Fact]
    public async Task A_disliked_movie_is_never_recommended_and_not_encoded()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(108), cache.ConnectionString);
        int[] before = (await api.PostAsync("/recommend", """{"user_id": 11, "k": 5}""")).MovieIds();

        await api.PostAsync("/events", $$"""{"user_id": 11, "movie_id": {{before[1]}}, "type": "dislike"}""");
        JsonElement after = await api.PostAsync("/recommend", """{"user_id": 11, "k": 4, "include_history": true}""");

        Assert.Equal(before.Where((_, rank) => rank != 1), after.MovieIds());
        Assert.Equal([1003, 1001, 1002], after.GetProperty("history").Ids());
    }

    [Fact]
    public async Task Events_do_not_expire_and_answers_do()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(109), cache.ConnectionString);
        await api.PostAsync("/events", """{"user_id": 11, "movie_id": 1010}""");
        await api.PostAsync("/recommend", """{"user_id": 11}""");

        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        await ApiServer.UntilAsync("the answer is stored", () => Task.FromResult(redis.GetServers()[0].Keys(pattern: "nanorecsys:answer:*").Any())); // the API does not wait for it
        var lives = redis.GetServers()[0].Keys().ToDictionary(key => key.ToString(), key => redis.GetDatabase().KeyTimeToLive(key));

        Assert.Equal(
            ["nanorecsys:epoch", "nanorecsys:events:latest", "nanorecsys:user:{11}:events", "nanorecsys:user:{11}:revision"],
            lives.Where(key => key.Value is null).Select(key => key.Key).Order(StringComparer.Ordinal));
        Assert.Single(lives, key => key.Value is not null && key.Key.StartsWith("nanorecsys:answer:", StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task Events_under_keys_of_an_earlier_release_are_migrated_at_startup_and_trained_on(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cache.ConnectionString);
        IDatabase database = redis.GetDatabase();
        foreach (EntityId user in (EntityId[])[Newcomer, EntityId.Of("a b")])
        {
            await database.SetAddAsync("nanorecsys:events:users", user.Text);
            await database.HashSetAsync("nanorecsys:events:revisions", user.Text, 1);
            await database.HashSetAsync($"nanorecsys:events:user:{user}", [new("key:a", Stored(1010)), new("key:b", Stored(1011))]);
        }

        await database.HashSetAsync($"nanorecsys:user:{{{Newcomer}}}:events", "key:b", Stored(1012)); // stored by this release
        await database.HashSetAsync($"nanorecsys:user:{{{new string('x', 300)}}}:events", "key:a", Stored(1013)); // not an id: another program's key
        await database.HashSetAsync("nanorecsys:forgotten", RandomModel.QuietUser, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000);
        UserErrorException early = await Assert.ThrowsAsync<UserErrorException>(() => LiveEvents.CountAsync(cache.ConnectionString, new EventArchive("none"), TestContext.Current.CancellationToken));

        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(116) { Created = DateTimeOffset.UtcNow.AddDays(-1) }, cache.ConnectionString);

        Assert.Contains("earlier release", early.Message, StringComparison.Ordinal);
        Assert.Equal([1012, 1010], (await api.HistoryAsync(Newcomer)).AsEnumerable());
        Assert.Equal((int[])[1011, 1010], (await api.GetAsync("/users/a%20b/history")).GetProperty("items").Ids());
        Assert.Equal(HttpStatusCode.NotFound, (await api.FetchAsync($"/users/{RandomModel.QuietUser}/history")).StatusCode);
        Assert.DoesNotContain(redis.GetServers()[0].Keys(), key => key.ToString().StartsWith("nanorecsys:events:", StringComparison.Ordinal));
        Assert.Equal(4, await LiveEvents.CountAsync(cache.ConnectionString, new EventArchive("none"), TestContext.Current.CancellationToken));

        static byte[] Stored(int item) => new UserEvent(item, item, EventTypes.Watch, null, item).Write();
    }

    [Fact]
    public async Task The_weight_of_an_event_type_defines_its_meaning()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        await using ApiServer api = await ApiServer.StartAsync(
            new RandomModel(115), cache.ConnectionString, ("Events:Weights:return", "-0.5"), ("Events:Weights:impression", "0"), ("Events:Weights:view", "0.2"));

        JsonElement receipt = await api.PostAsync("/events", $$"""
            {"events": [
              {"user_id": {{Newcomer}}, "item_id": 1010, "type": "view", "timestamp": 1000},
              {"user_id": {{Newcomer}}, "item_id": 1011, "type": "Return", "timestamp": 1001},
              {"user_id": {{Newcomer}}, "item_id": 1012, "type": "impression", "timestamp": 1002},
              {"user_id": {{Newcomer}}, "item_id": 1013, "type": "dislike", "timestamp": 1003},
              {"user_id": {{Newcomer}}, "item_id": 1014, "type": "added to basket", "rating": -12.5, "timestamp": 1004}]}
            """);
        int[] list = (await api.PostAsync("/recommend", $$"""{"user_id": {{Newcomer}}, "k": 60}""")).MovieIds();

        Assert.Equal(5, receipt.GetProperty("stored").GetInt32());
        Assert.Equal([1014, 1010], (await api.HistoryAsync(Newcomer)).AsEnumerable());
        Assert.Equal([1010, 1011, 1013, 1014], Enumerable.Range(1001, 60).Except(list));
    }
}
