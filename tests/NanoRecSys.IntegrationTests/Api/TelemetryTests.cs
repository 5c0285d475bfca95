using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class TelemetryTests
{
    [Fact]
    public async Task The_window_counts_every_request_and_its_stages()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(71), cache.ConnectionString);
        for (int request = 0; request < 4; request++)
        {
            await api.PostAsync("/recommend", """{"user_id": 11}""");
        }

        JsonElement telemetry = await api.GetAsync("/debug/telemetry?window=60");

        Assert.Equal(4, telemetry.GetProperty("requests").GetInt64());
        Assert.Equal(0.75, telemetry.GetProperty("cache_hit_ratio").GetDouble());
        // From memory once the process receives its own notices, before that from Redis.
        Assert.Equal(3, telemetry.GetProperty("cache_hits").EnumerateObject().Where(source => source.Name is "memory" or "redis").Sum(source => source.Value.GetInt64()));
        Assert.Equal("""{"live":4}""", telemetry.GetProperty("modes").GetRawText());
        Assert.Equal(
            [("cache.get", 4), ("history", 1), ("encode", 1), ("retrieve", 1), ("rank", 1), ("cache.set", 1), ("total", 4)],
            telemetry.GetProperty("stages").EnumerateArray().Select(stage => (stage.Text("stage"), stage.GetProperty("count").GetInt32())));
    }

    [Fact]
    public async Task A_request_has_its_user_and_k_and_a_refused_one_its_reason()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(73));
        await api.PostAsync("/recommend", """{"user_id": 11, "k": 7}""");
        await api.PostAsync("/recommend", """{"user_id": 99999}""");
        string refused = (await (await api.SendAsync("/recommend", """{"user_id": 11, "k": 500}""")).BodyAsync()).Text("request_id");
        await api.FetchAsync("/items/404404");

        JsonElement telemetry = await api.GetAsync("/debug/telemetry?window=60");

        Assert.Equal("""{"live":1,"popular":1}""", telemetry.GetProperty("modes").GetRawText());
        JsonElement[] recent = [.. telemetry.GetProperty("recent").EnumerateArray()];
        Assert.Equal((99999, 10, "unknown_user"), (recent[0].GetProperty("user_id").GetInt32(), recent[0].GetProperty("k").GetInt32(), recent[0].Text("fallback_reason")));
        Assert.Equal((11, 7, false), (recent[1].GetProperty("user_id").GetInt32(), recent[1].GetProperty("k").GetInt32(), recent[1].TryGetProperty("fallback_reason", out _)));
        JsonElement[] failed = [.. telemetry.GetProperty("failed").EnumerateArray()];
        Assert.Equal(["GET /items/404404", "POST /recommend"], failed.Select(request => request.Text("call")));
        Assert.Equal((422, refused), (failed[1].GetProperty("status").GetInt32(), failed[1].Text("request_id")));
        Assert.Contains("k: Input should be less than or equal to 100", failed[1].Text("reason"), StringComparison.Ordinal);
        Assert.Contains("not in the", failed[0].Text("reason"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_last_fifty_requests_are_kept_newest_first()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(72));
        var ids = new List<string>();
        for (int request = 0; request < 53; request++)
        {
            ids.Add((await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("request_id"));
        }

        JsonElement recent = (await api.GetAsync("/debug/telemetry")).GetProperty("recent");

        Assert.Equal(ids.AsEnumerable().Reverse().Take(50), recent.EnumerateArray().Select(trace => trace.Text("request_id")));
        Assert.Equal(["cache.get", "history", "encode", "retrieve", "rank", "cache.set"], recent[0].Stages());
    }

    [Fact]
    public async Task Errors_are_counted_by_kind_and_probes_are_not_counted()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(77), cache.ConnectionString);
        await api.SendAsync("/recommend", """{"user_id": null}""");
        await api.FetchAsync("/no/such/path");
        cache.Kill();
        await api.PostAsync("/recommend", """{"user_id": 11}""");
        await api.FetchAsync("/readyz");

        JsonElement errors = (await api.GetAsync("/debug/telemetry?window=60")).GetProperty("errors");

        Assert.Equal(2, errors.GetProperty("rejected").GetInt32());
        Assert.True(errors.GetProperty("cache").GetInt32() > 0);
        Assert.Equal(2, errors.EnumerateObject().Count());
    }

    [Fact]
    public async Task A_service_without_a_model_counts_refused_requests()
    {
        await using ApiServer api = ApiServer.Start();
        await api.FetchAsync("/readyz");
        await api.SendAsync("/recommend", """{"user_id": 11}""");

        JsonElement telemetry = await api.GetAsync("/debug/telemetry?window=60");

        Assert.Equal("""{"unavailable":1}""", telemetry.GetProperty("errors").GetRawText());
    }

    [Fact]
    public async Task A_request_is_a_span_with_a_child_per_stage()
    {
        var spans = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "NanoRecSys.Api",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(73));

        string id = (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("request_id");

        // Other tests' spans arrive here too.
        Activity request = Assert.Single(spans, span => (string?)span.GetTagItem("request_id") == id);
        Assert.Equal("recommend", request.OperationName);
        Assert.Equal(
            ["cache.get", "cache.set", "encode", "history", "rank", "retrieve"],
            spans.Where(span => span.ParentSpanId == request.SpanId).Select(span => span.OperationName).Order());
    }

    [Fact]
    public async Task The_metrics_have_stage_mode_and_result_and_no_user_ids()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(74), cache.ConnectionString);
        var measured = new ConcurrentBag<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "NanoRecSys.Api" && ReferenceEquals(instrument.Meter.Scope, api.Meters))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        void Record(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            measured.Add($"{instrument.Name} {string.Join(',', tags.ToArray().Select(tag => $"{tag.Key}={(tag.Value is "memory" or "redis" ? "here" : tag.Value)}"))}");
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Record(instrument, tags));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Record(instrument, tags));
        listener.Start();

        await api.PostAsync("/recommend", """{"user_id": 11}""");
        string version = (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("version");

        Assert.Equal(
            [
                "nanorecsys.cache.lookups result=hit,source=here", "nanorecsys.cache.lookups result=miss",
                $"nanorecsys.recommendations mode=live,version={version}", $"nanorecsys.recommendations mode=live,version={version}",
                "nanorecsys.stage.duration stage=cache.get", "nanorecsys.stage.duration stage=cache.get",
                "nanorecsys.stage.duration stage=cache.set", "nanorecsys.stage.duration stage=encode",
                "nanorecsys.stage.duration stage=history", "nanorecsys.stage.duration stage=rank", "nanorecsys.stage.duration stage=retrieve",
            ],
            measured.Order(StringComparer.Ordinal));
    }
}
