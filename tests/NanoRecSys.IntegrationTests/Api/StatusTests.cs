using NanoRecSys.Core.Progress;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class StatusTests
{
    [Fact]
    public async Task Before_the_first_model_the_service_is_alive_and_not_ready()
    {
        ApiServer api = await SharedServers.Empty;

        Assert.Equal("""{"status":"ok"}""", (await api.GetAsync("/health")).GetRawText());
        Assert.Equal("""{"status":"ok"}""", (await api.GetAsync("/healthz")).GetRawText());
        foreach (Task<HttpResponseMessage> call in new[]
        {
            api.FetchAsync("/readyz"),
            api.SendAsync("/recommend", """{"user_id": 1}"""),
            api.SendAsync("/recommend/session", """{"movie_ids": [1]}"""),
            api.FetchAsync("/items?query=toy"),
        })
        {
            using HttpResponseMessage response = await call;
            JsonElement detail = (await response.BodyAsync()).GetProperty("detail");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.Equal(["errors", "status", "warnings"], detail.Names());
            Assert.Equal("not_ready", detail.Text("status"));
            Assert.NotEmpty(detail.GetProperty("errors").Texts());
        }
    }

    [Fact]
    public async Task The_first_model_makes_it_ready_without_a_restart()
    {
        await using ApiServer api = ApiServer.Start();

        await api.ServeAsync(new RandomModel(41).Publish(api.Store).Manifest.ModelVersion);

        Assert.True((await api.GetAsync("/readyz")).Flag("ready"));
        Assert.Equal(api.Store.ReadCurrent(), (await api.GetAsync("/models/current")).Text("model_version"));
    }

    [Fact]
    public async Task The_status_document_has_the_contract_s_shape()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(42));
        await api.PostAsync("/recommend", """{"user_id": 11}""");

        JsonElement status = await api.StatusAsync();

        Assert.Equal(
            ["artifacts", "errors", "faiss", "mode", "ranker_backend", "ready", "redis", "stats", "stub_mode", "user_tower_backend", "version", "warnings"],
            status.Names());
        Assert.False(status.Flag("stub_mode"));
        Assert.Equal("live", status.Text("mode"));
        Assert.Equal(["available", "enabled", "error_count"], status.GetProperty("redis").Names());
        Assert.Equal(["engine", "index_path", "loaded_index_type", "ready", "requested_index_type"], status.GetProperty("faiss").Names());
        Assert.Equal(["cache_errors", "cache_hits", "cache_misses", "errors", "requests"], status.GetProperty("stats").Names());
        Assert.Equal(1, status.GetProperty("stats").GetProperty("requests").GetInt64());
        Assert.All(status.GetProperty("artifacts").EnumerateObject(), file => Assert.True(file.Value.GetBoolean(), file.Name));
    }

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task The_status_names_the_cache_and_counts_its_hits(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(43), cache.ConnectionString);
        await api.PostAsync("/recommend", """{"user_id": 11}""");
        await api.PostAsync("/recommend", """{"user_id": 11}""");

        JsonElement status = await api.StatusAsync();

        JsonElement redis = status.GetProperty("redis");
        Assert.Equal(cache.ConnectionString, $"{redis.Text("host")}:{redis.GetProperty("port").GetInt32()}");
        Assert.True(redis.Flag("enabled"));
        Assert.True(redis.Flag("available"));
        Assert.Equal("""{"requests":2,"cache_hits":1,"cache_misses":1,"cache_errors":0,"errors":0}""", status.GetProperty("stats").GetRawText());
    }

    [Fact]
    public async Task The_newest_training_run_is_reported_while_it_runs()
    {
        await using ApiServer api = ApiServer.Start();
        Assert.Equal("""{"events":[]}""", (await api.GetAsync("/training/progress")).GetRawText());
        string folder = Path.Combine(api.Store.RunsFolder, "20260102-030405-006");
        ProgressLog.Append(folder, new ProgressEvent
        {
            Time = new DateTimeOffset(2026, 1, 2, 3, 4, 6, TimeSpan.Zero),
            Run = "20260102-030405-006",
            State = ProgressEvent.Running,
            Stage = "train-retriever",
            Fraction = 0.25,
        });

        JsonElement progress = await api.GetAsync("/training/progress");

        Assert.Equal("20260102-030405-006", progress.Text("run"));
        Assert.Equal(0.25, progress.GetProperty("events")[0].GetProperty("fraction").GetDouble());
    }
}
