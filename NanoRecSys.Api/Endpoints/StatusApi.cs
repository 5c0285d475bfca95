using System.ComponentModel;
using System.Net;
using Microsoft.AspNetCore.Http.HttpResults;
using StackExchange.Redis;

namespace NanoRecSys.Api.Endpoints;

/// <summary><c>GET /readyz</c>, <c>GET /debug/status</c> and <c>GET /debug/host</c>.</summary>
internal static class StatusApi
{
    public static void AddStatus(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RequestCounters>();
        builder.Services.AddSingleton<StatusReader>();
    }

    public static void MapStatus(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder status = app.MapGroup("").WithTags("Status");
        status.MapMethods("/readyz", [HttpMethods.Head], GetReadiness).ExcludeFromDescription(); // used by some probes; /healthz answers HEAD, too
        status.MapGet("/readyz", GetReadiness).WithSummary("200 when a model is served, 503 before that and while the service stops");
        status.MapGet("/debug/host", (IConfiguration settings) => HostReportReader.Read("NanoRecSys.Api", settings))
            .WithSummary("The process, and its effective settings without secrets").RequireKey(KeyRole.Read);
        status.MapGet("/debug/status", GetStatus).WithSummary("The running parts, their origin, and what is missing").RequireKey(KeyRole.Read);
    }

    private static StatusDocument GetStatus(StatusReader status) => status.Read();

    private static Results<Ok<StatusDocument>, JsonHttpResult<NotReadyError>> GetReadiness(StatusReader reader)
    {
        StatusDocument status = reader.Read();
        return status.Ready ? TypedResults.Ok(status) : NotReadyResult(status);
    }

    /// <summary>The answer of every call that needs a model if there is none yet.</summary>
    public static JsonHttpResult<NotReadyError> NotReadyResult(StatusDocument status) => TypedResults.Json(
        new NotReadyError(new NotReady("not_ready", status.Errors, status.Warnings)),
        statusCode: StatusCodes.Status503ServiceUnavailable);
}

/// <summary><c>GET /debug/telemetry</c>: the last minutes of this process and the other replicas, without a collector.</summary>
internal static class TelemetryApi
{
    private const int DefaultSeconds = 300;

    public static void AddRecommendationTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<ReplicaTraffic>();
        builder.Services.AddSingleton<TelemetryWindow>();
        builder.Services.AddSingleton<RecommendationTelemetry>();
        builder.Services.AddHostedService<ReplicaNotices>();
    }

    public static void MapTelemetry(this IEndpointRouteBuilder app) =>
        app.MapGet("/debug/telemetry", GetTelemetry).WithTags("Status").WithSummary("Latencies by stage and over time, errors, the last 50 requests and the slowest ones").RequireKey(KeyRole.Read);

    private static Results<Ok<TelemetrySnapshot>, UnprocessableEntity<FieldErrors>> GetTelemetry(
        TelemetryWindow telemetry, ReplicaTraffic others, ComputeLimiter limiter,
        [Description("Seconds to look back, 1 to 1800; default: 300")] string? window = null)
    {
        var fields = new UrlFields();
        int seconds = fields.Int32("window", window, DefaultSeconds, 1, TelemetryWindow.MaxSeconds);
        return fields.Errors.Count > 0
            ? TypedResults.UnprocessableEntity(new FieldErrors(fields.Errors))
            : TypedResults.Ok(telemetry.Read(seconds) with { Load = others.With(limiter.Read()), Replicas = others.Count + 1 });
    }
}

internal sealed class StatusReader(
    ServedModel served, RequestCounters counters, ArtifactStore store, ModelSplit split, Drain drain, RequestWarmUp warmUp, StoreHealth health,
    IConnectionMultiplexer? redis = null)
{
    public StatusDocument Read()
    {
        ArtifactVersion? artifacts = served.Artifacts;
        string? missing = drain.HasBegun ? "The service is stopping."
            : artifacts is null ? served.Refusal ?? $"No model was published in {store.Root} yet. Run 'run --preset quick' of NanoRecSys.Training."
            : !warmUp.IsDone ? "The service is warming up."
            : null;
        using SnapshotLease? lease = served.Lease();
        RedisStatus cache = ReadRedis();
        return new StatusDocument
        {
            Ready = missing is null,
            Mode = artifacts is null || served.Refusal is not null || cache is { Enabled: true, Available: false } or { Writable: false } ? Modes.Degraded : Modes.Live,
            Errors = missing is null ? [] : [missing],
            Warnings = [.. Warnings(artifacts, cache)],
            Redis = cache,
            Faiss = ReadIndex(artifacts, lease?.Model),
            UserTowerBackend = Backend(lease?.Model),
            RankerBackend = artifacts is null ? null : artifacts.Manifest.Ranker is null ? StatusDocument.NoRanker : "onnx",
            Artifacts = ReadFiles(artifacts),
            Stats = counters.Read(),
            Version = artifacts?.Manifest.ModelVersion,
        };
    }

    private IEnumerable<string> Warnings(ArtifactVersion? artifacts, RedisStatus cache)
    {
        if (artifacts is not null && served.Refusal is { } refusal)
        {
            yield return $"{refusal} {artifacts.Manifest.ModelVersion} keeps serving.";
        }

        foreach (string version in split.Versions.Except(served.Beside))
        {
            yield return $"Version {version} of Models:Split is not loaded: the current one serves its share. The log has the reason.";
        }

        if (!cache.Enabled)
        {
            yield return "No cache is configured (ConnectionStrings__cache): every request is computed.";
        }
        else if (!cache.Available)
        {
            yield return $"Redis at {cache.Host}:{cache.Port} does not answer: every request is computed.";
        }

        foreach (string warning in health.Warnings)
        {
            yield return warning;
        }
    }

    private RedisStatus ReadRedis()
    {
        if (redis is null)
        {
            return new RedisStatus(false, false, null, null, 0);
        }

        bool available = redis.IsConnected || health.IsAnswering; // the client does not count a read-only replica as connected
        (string? host, int? port) = redis.GetEndPoints().FirstOrDefault() switch
        {
            DnsEndPoint dns => (dns.Host, dns.Port),
            IPEndPoint ip => (ip.Address.ToString(), ip.Port),
            _ => ((string?)null, (int?)null),
        };
        return new RedisStatus(true, available, host, port, counters.CacheErrors, available && !health.IsRefusing);
    }

    private static FaissStatus ReadIndex(ArtifactVersion? artifacts, ModelSnapshot? model)
    {
        IndexInfo? info = artifacts?.Manifest.Index;
        return new FaissStatus(model is not null, info?.Kind ?? "flat", model?.Index.Kind, info is null ? null : artifacts!.PathOf(info.File), model?.Index.Engine);
    }

    private static string? Backend(ModelSnapshot? model) => model?.UserTowers.Precision switch
    {
        null => null,
        UserTowerPrecision.EightBits => "onnx-int8",
        _ => "onnx",
    };

    private static Dictionary<string, bool> ReadFiles(ArtifactVersion? artifacts)
    {
        string[] names =
        [
            ArtifactNames.Manifest, ArtifactNames.UserTower, ArtifactNames.Ranker, ArtifactNames.Index,
            ArtifactNames.ItemEmbeddings, ArtifactNames.Catalog, ArtifactNames.Histories, ArtifactNames.Metrics,
        ];
        return names.ToDictionary(name => name, name => artifacts is not null && File.Exists(artifacts.PathOf(name)));
    }
}
