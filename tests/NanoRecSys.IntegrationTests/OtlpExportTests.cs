using System.Net.Http.Json;
using NanoRecSys.IntegrationTests.Fixtures.Otlp;

namespace NanoRecSys.IntegrationTests;

/// <summary>What the programs export if the environment names a collector: the real exporter, over real HTTP.</summary>
[Collection(Alone.Name)]
public sealed class OtlpExportTests : IDisposable
{
    private const string CallersTrace = "0af7651916cd43dd8448eb211c80319c";
    private const string CallersSpan = "b7ad6b7169203331";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _artifacts = new();

    public void Dispose() => _artifacts.Dispose();

    [Fact]
    public async Task A_request_reaches_the_collector_as_part_of_its_callers_trace_with_a_child_per_stage()
    {
        await using Collector collector = await Collector.StartAsync();
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        using ProgramProcess api = StartApi(collector, cache);
        using HttpClient client = await ReadyAsync(api);

        await RecommendAsync(client);

        await ApiServer.UntilAsync("the whole trace arrives", () => Task.FromResult(
            collector.Spans.Any(span => span is { Name: "POST /recommend", TraceId: CallersTrace })));
        CollectedSpan[] trace = [.. collector.Spans.Where(span => span.TraceId == CallersTrace).OrderBy(span => span.Start)];
        CollectedSpan request = Assert.Single(trace, span => span.Name == "POST /recommend");
        CollectedSpan recommend = Assert.Single(trace, span => span.Name == "recommend");
        Assert.Equal((CallersSpan, request.Id), (request.ParentId, recommend.ParentId));
        Assert.Equal(
            ["cache.get", "history", "encode", "retrieve", "rank", "cache.set"],
            trace.Where(span => span.ParentId == recommend.Id).Select(span => span.Name));
        Assert.All(trace, span => Assert.Equal("api-7", span.Service));
        Assert.All(collector.Keys, key => Assert.Equal("secret", key));
    }

    [Fact]
    public async Task The_collector_gets_metrics_of_stages_and_answers()
    {
        await using Collector collector = await Collector.StartAsync();
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        using ProgramProcess api = StartApi(collector, cache);
        using HttpClient client = await ReadyAsync(api);

        await RecommendAsync(client);

        string[] ours = ["nanorecsys.stage.duration", "nanorecsys.recommendations", "nanorecsys.cache.lookups"];
        await ApiServer.UntilAsync($"{string.Join(", ", ours)} arrive", () => Task.FromResult(!ours.Except(collector.Metrics).Any()));
    }

    [Fact]
    public async Task A_training_run_exports_its_telemetry_before_it_exits()
    {
        await using Collector collector = await Collector.StartAsync();
        using ProgramProcess training = ProgramProcess.Start(
            "NanoRecSys.Training", collector.Environment("training-7", "secret"), "prepare", "--data", "small", "--artifacts", _artifacts.Path);

        int exitCode = await training.EndAsync();

        Assert.True(exitCode == 0, training.Output);
        CollectedSpan run = Assert.Single(collector.Spans, span => span.Name == "run");
        CollectedSpan stage = Assert.Single(collector.Spans, span => span.Name == "prepare");
        Assert.Equal((run.TraceId, run.Id, "training-7"), (stage.TraceId, stage.ParentId, stage.Service));
        Assert.Contains("nanorecsys.training.stage.duration", collector.Metrics);
    }

    private ProgramProcess StartApi(Collector collector, CacheServer cache)
    {
        new RandomModel(91).Publish(new ArtifactStore(_artifacts.Path));
        return ProgramProcess.StartApi(
            _artifacts.Path, [.. collector.Environment("api-7", "secret").Select(variable => (variable.Key, variable.Value)), ("ConnectionStrings__cache", cache.ConnectionString)]);
    }

    private static async Task<HttpClient> ReadyAsync(ProgramProcess api)
    {
        var client = new HttpClient { BaseAddress = await api.Address.WaitAsync(Timeout, TestContext.Current.CancellationToken) };
        await ApiServer.UntilReadyAsync(client);
        return client;
    }

    private static async Task RecommendAsync(HttpClient client)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/recommend") { Content = JsonContent.Create(new { user_id = RandomModel.QuietUser }) };
        request.Headers.Add("traceparent", $"00-{CallersTrace}-{CallersSpan}-01");
        using HttpResponseMessage response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
    }
}
