using System.Net;
using StackExchange.Redis;

namespace NanoRecSys.Api.Endpoints;

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
            Faiss = ReadIndex(artifacts),
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

    private FaissStatus ReadIndex(ArtifactVersion? artifacts)
    {
        using SnapshotLease? lease = served.Lease();
        IndexInfo? info = artifacts?.Manifest.Index;
        return new FaissStatus(
            lease is not null, info?.Kind ?? "flat", lease?.Model.Index.Kind, info is null ? null : artifacts!.PathOf(info.File), lease?.Model.Index.Engine);
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
