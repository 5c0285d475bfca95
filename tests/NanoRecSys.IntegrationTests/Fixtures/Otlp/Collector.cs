using System.Collections.Concurrent;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace NanoRecSys.IntegrationTests.Fixtures.Otlp;

/// <summary>A received span with the service name of its resource. Ids are hexadecimal; a root's parent id is empty.</summary>
internal sealed record CollectedSpan(string Service, string Name, string TraceId, string Id, string ParentId, ulong Start);

/// <summary>A minimal OpenTelemetry collector: keeps what it receives by OTLP over HTTP on a free port.</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<CollectedSpan> _spans = [];
    private readonly ConcurrentQueue<string> _metrics = [];
    private readonly ConcurrentQueue<string> _keys = [];

    private Collector()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.MapPost("/v1/traces", async request => Keep(TracesRequest.Parser.ParseFrom(await BodyAsync(request))));
        _app.MapPost("/v1/metrics", async request => Keep(MetricsRequest.Parser.ParseFrom(await BodyAsync(request))));
        _app.MapPost("/v1/logs", async request => _ = await BodyAsync(request));
    }

    public IReadOnlyCollection<CollectedSpan> Spans => _spans;
    public IReadOnlyCollection<string> Metrics => _metrics; // names, with duplicates

    /// <summary>The header <c>x-otlp-api-key</c> of each request: the key by which Aspire's dashboard authenticates services.</summary>
    public IReadOnlyCollection<string> Keys => _keys;

    /// <summary>Environment variables that configure the collector, as set by Aspire, but with short export intervals.</summary>
    public IReadOnlyDictionary<string, string> Environment(string service, string key) => new Dictionary<string, string>
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = _app.Urls.First(),
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_EXPORTER_OTLP_HEADERS"] = $"x-otlp-api-key={key}",
        ["OTEL_SERVICE_NAME"] = service,
        ["OTEL_BSP_SCHEDULE_DELAY"] = "100",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
    };

    public static async Task<Collector> StartAsync()
    {
        var collector = new Collector();
        await collector._app.StartAsync(TestContext.Current.CancellationToken);
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<byte[]> BodyAsync(HttpContext context)
    {
        _keys.Enqueue(context.Request.Headers["x-otlp-api-key"].ToString());
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }

    private void Keep(TracesRequest request)
    {
        foreach (ResourceSpans spans in request.ResourceSpans)
        {
            string service = spans.Resource.Attributes.Single(attribute => attribute.Key == "service.name").Value.StringValue;
            foreach (Span span in spans.ScopeSpans.SelectMany(scope => scope.Spans))
            {
                _spans.Enqueue(new CollectedSpan(
                    service, span.Name, Hex(span.TraceId), Hex(span.SpanId), Hex(span.ParentSpanId), span.StartTimeUnixNano));
            }
        }
    }

    private void Keep(MetricsRequest request)
    {
        foreach (Metric metric in request.ResourceMetrics.SelectMany(resource => resource.ScopeMetrics).SelectMany(scope => scope.Metrics))
        {
            _metrics.Enqueue(metric.Name);
        }
    }

    private static string Hex(ByteString id) => Convert.ToHexStringLower(id.Span);
}
