using System.Collections.Concurrent;
using NanoRecSys.Core.Events;
using NanoRecSys.Training.Data;
using StackExchange.Redis;

namespace NanoRecSys.IntegrationTests.Faults;

/// <summary>The data that the API stores, on a real Redis Cluster.</summary>
public sealed class RedisClusterTests
{
    [Fact]
    public async Task Events_items_and_rules_are_stored_answered_and_deleted_on_every_node()
    {
        string[] users = ["a}b{c", "{}", "}", "ü 1", "plain", "7:events"];
        using RedisCluster cluster = await RedisCluster.StartAsync(isReplicated: false, nodeTimeout: 15_000);
        await using ApiServer here = await ApiServer.StartAsync(new RandomModel(651), cluster.ConnectionString, ("Events:MostPerUser", "10"));
        await using ApiServer there = await ApiServer.StartAsync(here.Store, cluster.ConnectionString);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{cluster.ConnectionString},allowAdmin=true");

        // A batch of users on all nodes; all keys of a user are in one slot.
        string rows = string.Join(',', users.SelectMany(user => Enumerable.Range(1010, 3).Select(item => $$"""{"user_id": "{{user}}", "item_id": {{item}}, "timestamp": {{item}}}""")));
        Assert.Equal(18, (await here.PostAsync("/events", $$"""{"events": [{{rows}}]}""")).GetProperty("stored").GetInt32());
        Assert.Equal(18, (await here.PostAsync("/events", $$"""{"events": [{{rows}}]}""")).GetProperty("duplicates").GetInt32());
        foreach (string user in users)
        {
            JsonElement history = await there.GetAsync($"/users/{Uri.EscapeDataString(user)}/history");
            Assert.Equal([1012, 1011, 1010], history.GetProperty("items").Ids());
            string question = $$"""{"user_id": "{{user}}", "k": 5, "exclude_shown": 1}""";
            int[] first = (await here.PostAsync("/recommendations", question)).GetProperty("items").Ids();
            Assert.Empty(first.Intersect((await here.PostAsync("/recommendations", question)).GetProperty("items").Ids()));
            await ApiServer.UntilAsync("the answer is cached", async () => (await there.PostAsync("/recommend", $$"""{"user_id": "{{user}}"}""")).Flag("served_from_cache"));
        }

        RedisKey[] keys = await KeysAsync("nanorecsys:*{*}*");
        IGrouping<string, RedisKey>[] tags = [.. keys.GroupBy(key => key.ToString()[(key.ToString().IndexOf('{', StringComparison.Ordinal) + 1)..key.ToString().IndexOf('}', StringComparison.Ordinal)])];
        Assert.Equal(users.Order(StringComparer.Ordinal), tags.Select(tag => Uri.UnescapeDataString(tag.Key)).Order(StringComparer.Ordinal));
        Assert.All(tags, tag => Assert.Single(tag.Select(key => redis.GetHashSlot(key)).Distinct()));
        Assert.All(tags, tag => Assert.True(tag.Count() >= 4)); // events, revision, shown, answers
        Assert.True(tags.Select(tag => redis.GetServer(tag.First()).EndPoint).Distinct().Count() > 1);

        // Items and rules, on both replicas.
        await here.PostAsync("/items", """{"item_id": 9001, "title": "A New One"}""");
        await here.SendAsync(HttpMethod.Patch, "/items/1020", """{"hidden": true}""");
        await here.SendAsync(HttpMethod.Put, "/rules", """{"version": 0, "rules": [{"name": "A", "hide": [{"item_ids": [1021]}]}]}""");
        await ApiServer.UntilAsync("the other replica has them", async () => (await there.FetchAsync("/items/9001")).IsSuccessStatusCode
            && (await there.GetAsync("/items/1020")).GetProperty("item").TryGetProperty("hidden", out _) && (await there.GetAsync("/rules")).GetProperty("version").GetInt32() == 1);
        Assert.Empty(((int[])[1020, 1021]).Intersect((await there.PostAsync("/recommendations", """{"user_id": "plain", "k": 60}""")).GetProperty("items").Ids()));

        // Old events are archived, events are listed and deleted by their keys, lists have outcomes.
        await here.PostAsync("/events", $$"""{"events": [{{string.Join(',', Enumerable.Range(1001, 20).Select(item => $$"""{"user_id": 12, "item_id": {{item}}, "timestamp": {{item}}, "key": "k{{item}}"}"""))}}]}""");
        await ApiServer.UntilAsync("the old events are moved", async () => await redis.GetDatabase().HashLengthAsync(EventKeys.Of(12)) == 10);
        await ApiServer.UntilAsync("the events are listed", async () => (await there.GetAsync("/events?limit=200")).GetProperty("events").GetArrayLength() == 28);
        Assert.Equal(2, (await there.SendAsync(HttpMethod.Delete, "/users/12/events/k1020")).GetProperty("deleted").GetInt32() + (await there.SendAsync(HttpMethod.Delete, "/users/12/events/k1001")).GetProperty("deleted").GetInt32());
        Assert.True((await there.GetAsync("/outcomes")).GetProperty("outcomes")[0].GetProperty("lists").GetInt32() >= 12);

        // A deleted user leaves only the deletion mark and its copy on the user's node.
        await here.SendAsync(HttpMethod.Delete, $"/users/{Uri.EscapeDataString(users[0])}");
        Assert.Equal(["nanorecsys:user:{a%7Db%7Bc}:forgotten"], (await KeysAsync("nanorecsys:*{a%7D*")).Select(key => key.ToString()));
        Assert.Equal("unknown_user", (await here.PostAsync("/recommend", $$"""{"user_id": "{{users[0]}}"}""")).GetProperty("debug_timing").Text("fallback_reason"));
        await redis.GetDatabase().KeyDeleteAsync(EventKeys.Forgotten); // as a failover may lose it
        await here.GetAsync("/users"); // reads the copies
        await ApiServer.UntilAsync("the next lookup restores it", async () =>
            (await here.PostAsync("/recommend", $$"""{"user_id": "{{users[0]}}", "k": 5}""")).MovieIds().Length > 0 && await redis.GetDatabase().HashExistsAsync(EventKeys.Forgotten, users[0]));

        // Training reads all nodes.
        var archive = new EventArchive(here.Store.Root);
        LiveEvents read = await LiveEvents.ReadAsync(cluster.ConnectionString, archive, TestContext.Current.CancellationToken);
        Assert.Equal((3 * 5) + 18, read.Interactions.Count);
        Assert.Contains(read.Movies, movie => movie.Title == "A New One");
        Assert.Equal([users[0]], read.Forgotten.Select(user => user.Text));
        Assert.Equal((3 * 5) + 18, await LiveEvents.CountAsync(cluster.ConnectionString, archive, TestContext.Current.CancellationToken));

        // A full node refuses its users' part of a batch, which can be sent again.
        int[] apart = [.. Enumerable.Range(0, RedisCluster.Masters).Select(master => RedisCluster.UserOf(master, user => redis.GetHashSlot(EventKeys.Of(user))))];
        string batch = $$"""{"events": [{{string.Join(',', apart.Select(user => $$"""{"user_id": {{user}}, "item_id": 1010, "timestamp": 1}"""))}}]}""";
        await cluster.ExecuteAsync(2, "CONFIG", "SET", "maxmemory", "1");
        using HttpResponseMessage refused = await here.SendAsync("/events", batch);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.StartsWith("The store refused part of the request", (await refused.BodyAsync()).Text("detail"), StringComparison.Ordinal);
        await cluster.ExecuteAsync(2, "CONFIG", "SET", "maxmemory", "0");
        JsonElement again = await here.PostAsync("/events", batch);
        Assert.Equal((1, 2), (again.GetProperty("stored").GetInt32(), again.GetProperty("duplicates").GetInt32()));
        Assert.Equal(0, (await here.StatusAsync()).GetProperty("stats").GetProperty("errors").GetInt64());

        async Task<RedisKey[]> KeysAsync(string pattern) => await EventKeys.ScanAsync(redis, pattern).ToArrayAsync();
    }

    [Fact]
    public async Task A_killed_master_fails_no_recommendation_and_with_WAIT_loses_no_acknowledged_event()
    {
        using RedisCluster cluster = await RedisCluster.StartAsync(isReplicated: true, nodeTimeout: 1500);
        await using ApiServer api = await ApiServer.StartAsync(
            new RandomModel(652), cluster.ConnectionString, ("Events:WaitForReplicas", "1"), ("Events:MostPerUser", "100000"));
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cluster.ConnectionString);
        int[] users = [.. Enumerable.Range(0, RedisCluster.Masters).Select(master => RedisCluster.UserOf(master, user => redis.GetHashSlot(EventKeys.Of(user))))];
        var acknowledged = new ConcurrentDictionary<int, int>();
        var refusals = new ConcurrentBag<(int User, string Reason)>();
        using var stop = new CancellationTokenSource();
        Task[] clients = [.. users.Select(WriteAsync), Task.Run(ReadAsync)];

        await ApiServer.UntilAsync("events are stored on every node", Stored(users, more: 20));
        cluster.Kill(0);
        await cluster.UntilAsync(RedisCluster.Masters, "master", "ROLE");
        await ApiServer.UntilAsync("the new master has no replica to wait for", () => Task.FromResult(refusals.Any(refusal => refusal.User == users[0] && refusal.Reason.Contains("0 of 1 replicas", StringComparison.Ordinal))));
        cluster.Restart(0);
        await ApiServer.UntilAsync("events are stored on every node again", Stored(users, more: 20));
        await stop.CancelAsync();
        await Task.WhenAll(clients);

        foreach (int user in users)
        {
            // The last one sent may have been stored without an acknowledgement.
            Assert.InRange((await api.GetAsync($"/users/{user}/history")).GetProperty("total").GetInt32(), acknowledged[user], acknowledged[user] + 1);
        }

        Assert.Equal("live", (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode"));
        Assert.Equal(0, (await api.StatusAsync()).GetProperty("stats").GetProperty("errors").GetInt64());

        Func<Task<bool>> Stored(int[] writers, int more)
        {
            int[] until = [.. writers.Select(user => acknowledged.GetValueOrDefault(user) + more)];
            return () => Task.FromResult(writers.Zip(until).All(user => acknowledged.GetValueOrDefault(user.First) >= user.Second));
        }

        async Task WriteAsync(int user)
        {
            while (!stop.IsCancellationRequested)
            {
                int count = acknowledged.GetValueOrDefault(user);
                using HttpResponseMessage response = await api.SendAsync("/events", $$"""{"user_id": {{user}}, "movie_id": {{1001 + count % 20}}, "timestamp": {{count}}}""");
                if (response.StatusCode == HttpStatusCode.OK)
                {
                    acknowledged[user] = count + 1;
                }
                else
                {
                    Assert.Equal((HttpStatusCode.ServiceUnavailable, "1"), (response.StatusCode, response.Headers.RetryAfter?.ToString()));
                    refusals.Add((user, (await response.BodyAsync()).Text("detail")));
                }

                await Task.Delay(10, CancellationToken.None);
            }
        }

        async Task ReadAsync()
        {
            while (!stop.IsCancellationRequested)
            {
                foreach (int user in users)
                {
                    Assert.Equal(10, (await api.PostAsync("/recommend", $$"""{"user_id": {{user}}}""")).MovieIds().Length);
                }
            }
        }
    }
}
