using System.Collections.Concurrent;
using StackExchange.Redis;
using Microsoft.Extensions.Logging.Abstractions;
using NanoRecSys.Api.Events;
using NanoRecSys.ServiceDefaults;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class StoreHealthTests
{
    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task A_store_that_comes_back_empty_is_reported(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(641), cache.ConnectionString);
        await api.PostAsync("/events", """{"user_id": 5401, "movie_id": 1010}""");
        Assert.DoesNotContain(await WarningsAsync(api), IsReplacement);

        cache.Kill();
        cache.Start();

        await ApiServer.UntilAsync("the status reports it", async () => (await WarningsAsync(api)).Any(IsReplacement));
        Assert.Contains((await api.GetAsync("/readyz")).GetProperty("warnings").Texts(), IsReplacement);
    }

    [Fact]
    public async Task A_store_that_comes_back_with_its_data_is_not_reported()
    {
        using var folder = new TemporaryFolder();
        using CacheServer.RedisCache cache = CacheServer.StartRedis("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "volatile-lru", "--dir", folder.Path);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(642), cache.ConnectionString);
        await ApiServer.UntilAsync("the store is reported as writable", async () => (await api.StatusAsync()).GetProperty("redis").Flag("writable"));

        cache.Kill();
        await ApiServer.UntilAsync("the outage is detected", async () => !(await api.StatusAsync()).GetProperty("redis").Flag("writable"));
        cache.Start();
        await ApiServer.UntilAsync("the store is writable again", async () => (await api.StatusAsync()).GetProperty("redis").Flag("writable"));

        Assert.Empty(await WarningsAsync(api));
    }

    /// <summary>Each failed subscription left a handler behind, so that every later notice was counted several times.</summary>
    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task A_notice_is_received_once_even_if_the_store_was_away_at_the_start(string kind)
    {
        RedisChannel channel = RedisChannel.Literal("test:notices");
        var notices = new ConcurrentQueue<string>();
        int failures = 0;
        using CacheServer cache = CacheServer.Create(kind);
        await using ConnectionMultiplexer redis = RedisConnection.Connect(cache.ConnectionString, asyncMilliseconds: 500);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task watch = StoreWatch.RunAsync(
            redis, channel, notice => notices.Enqueue($"{notice}"), database => database.PingAsync(), (_, _) => Interlocked.Increment(ref failures), stop.Token);
        await ApiServer.UntilAsync("three checks failed", () => Task.FromResult(Volatile.Read(ref failures) >= 3));

        cache.Start();
        await ApiServer.UntilAsync("a notice arrives", async () => redis.IsConnected && await redis.GetDatabase().PublishAsync(channel, "first") > 0 && !notices.IsEmpty);
        foreach (string notice in (string[])["second", "third"])
        {
            await redis.GetDatabase().PublishAsync(channel, notice);
            await ApiServer.UntilAsync($"the {notice} notice arrives", () => Task.FromResult(notices.Contains(notice)));
        }

        Assert.Single(notices, "second");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watch);
    }

    [Fact]
    public async Task A_Redis_that_may_lose_events_causes_a_warning_at_startup()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis("--maxmemory-policy", "allkeys-lfu");
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(643), cache.ConnectionString);

        await ApiServer.UntilAsync("its settings are read", async () => (await WarningsAsync(api)).Length >= 2);

        string[] warnings = await WarningsAsync(api);
        Assert.Contains(warnings, warning => warning.Contains("appendonly no", StringComparison.Ordinal));
        Assert.Contains(warnings, warning => warning.Contains("maxmemory-policy allkeys-lfu", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_clock_thirty_days_ahead_of_Redis_stores_no_event_in_the_future()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis();
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{cache.ConnectionString},allowAdmin=true");
        using var health = new StoreHealth(new SkewedClock(), NullLogger<StoreHealth>.Instance, redis);

        await health.StartAsync(TestContext.Current.CancellationToken);
        await ApiServer.UntilAsync("the clocks are compared", () => Task.FromResult(health.Warnings.Any(warning => warning.Contains("clock", StringComparison.Ordinal))));
        await health.StopAsync(TestContext.Current.CancellationToken);

        Assert.InRange(health.UtcNow, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
    }

    [Fact]
    public async Task A_corrected_clock_is_trusted_again()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis();
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{cache.ConnectionString},allowAdmin=true");
        var clock = new SkewedClock();
        using var health = new StoreHealth(clock, NullLogger<StoreHealth>.Instance, redis);
        bool IsWarned() => health.Warnings.Any(warning => warning.Contains("clock", StringComparison.Ordinal));
        await health.StartAsync(TestContext.Current.CancellationToken);
        await ApiServer.UntilAsync("the clocks are compared", () => Task.FromResult(IsWarned()));

        clock.Correct(after: TimeSpan.FromMinutes(1));

        await ApiServer.UntilAsync("the clocks are compared again", () => Task.FromResult(!IsWarned()));
        await health.StopAsync(TestContext.Current.CancellationToken);
        Assert.InRange(health.UtcNow, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
    }

    [Fact]
    public async Task A_refusal_that_has_ended_is_not_reported_until_the_next_write()
    {
        using CacheServer.RedisCache cache = CacheServer.StartRedis();
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{cache.ConnectionString},allowAdmin=true");
        using var health = new StoreHealth(TimeProvider.System, NullLogger<StoreHealth>.Instance, redis);

        health.ReportRefusal("NOREPLICAS Not enough good replicas to write.", isRefused: true);
        await health.FindRefusalAsync(redis.GetDatabase());
        Assert.False(health.IsRefusing);

        health.ReportRefusal("NOPERM this user has no permissions to run the 'hsetnx' command", isRefused: true);
        await health.FindRefusalAsync(redis.GetDatabase());
        Assert.True(health.IsRefusing); // the probe does not use that command
    }

    private static bool IsReplacement(string warning) => warning.StartsWith("Redis was emptied or replaced", StringComparison.Ordinal);

    private static async Task<string[]> WarningsAsync(ApiServer api)
    {
        JsonElement status = await api.StatusAsync();
        return status.GetProperty("warnings").Texts();
    }

    private sealed class SkewedClock : TimeProvider
    {
        private TimeSpan _ahead = TimeSpan.FromDays(30);
        private TimeSpan _passed;

        public void Correct(TimeSpan after) => (_ahead, _passed) = (TimeSpan.Zero, after);

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UtcNow + _ahead;

        public override long GetTimestamp() => base.GetTimestamp() + (long)(_passed.TotalSeconds * TimestampFrequency);
    }
}
