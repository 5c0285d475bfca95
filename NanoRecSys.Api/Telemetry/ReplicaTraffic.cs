using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Core.Contracts;
using StackExchange.Redis;

namespace NanoRecSys.Api.Telemetry;

/// <summary>
/// What the other replicas said of themselves, summed in rings like this process's own. It begins with this process:
/// nobody repeats what was answered before.
/// </summary>
/// <remarks>One thread at a time may let it hear; any number may read.</remarks>
internal sealed class ReplicaTraffic(TimeProvider time)
{
    private const long LargestClockLead = 10; // seconds; a ring that ran ahead would refuse everybody else's

    // Who missed so many messages is gone, or cut off.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly TrafficRing _bySecond = new(TelemetryWindow.SecondsKept, 1);
    private readonly TrafficRing _byMinute = new(TelemetryWindow.MaxSeconds / TelemetryWindow.SecondsPerMinute, TelemetryWindow.SecondsPerMinute);
    private readonly RecentRequests _recent = new(TelemetryWindow.KeptTraces);
    private readonly ConcurrentDictionary<string, (DateTimeOffset At, ComputeLoad Load)> _heard = new(StringComparer.Ordinal);

    /// <summary>How many other replicas were heard in the last seconds.</summary>
    public int Count => Present().Count();

    /// <summary>Everybody's load, given this process's own.</summary>
    public ComputeLoad With(ComputeLoad own)
    {
        return Present().Aggregate(own, (sum, load) => new ComputeLoad(
            sum.Running + load.Running, sum.Concurrency + load.Concurrency, sum.QueueDepth + load.QueueDepth, sum.QueueLimit + load.QueueLimit, sum.Shed + load.Shed));
    }

    /// <exception cref="FormatException">A histogram is none; nothing was counted then.</exception>
    internal void Hear(ReplicaSecond message)
    {
        DateTimeOffset now = time.GetUtcNow();
        TrafficSlot told = TrafficSlot.From(message.Figures);
        _heard[message.Replica] = (now, message.Load);
        if (told.Number > now.ToUnixTimeSeconds() + LargestClockLead || _bySecond.At(told.Number) is not { } second || second.Number != told.Number)
        {
            return; // Its clock is far from ours, or the message is older than the ring is long.
        }

        second.AddBeside(told);
        TrafficSlot minute = _byMinute.At(told.Number);
        minute.Add(told);
        minute.RaiseMost(second); // Of all replicas in this second, and not of each at another time.
        minute.Slowest.Add(told.Slowest);
        foreach (RequestTrace trace in message.Newest.Reverse())
        {
            _recent.Add(trace);
        }
    }

    /// <summary>As a ring reads.</summary>
    internal TrafficSlot[] Read(long unixSeconds, int windowSeconds) =>
        (windowSeconds <= _bySecond.Seconds ? _bySecond : _byMinute).Read(unixSeconds, windowSeconds);

    /// <summary>The last requests that were told of, the one told last first.</summary>
    internal RequestTrace[] ReadRecent() => _recent.Read();

    private IEnumerable<ComputeLoad> Present()
    {
        DateTimeOffset now = time.GetUtcNow();
        foreach ((string replica, (DateTimeOffset at, ComputeLoad load)) in _heard)
        {
            if (now - at <= Patience)
            {
                yield return load;
            }
            else
            {
                _heard.TryRemove(replica, out _); // Each start of a replica has a name of its own.
            }
        }
    }
}

/// <summary>
/// Once a second tells the other replicas what this one answered in the second before, and hears what they did, so that
/// each can show all of them as one. A request pays nothing for it. Nothing is sent twice: while Redis is away, each
/// replica knows of itself only.
/// </summary>
internal sealed class ReplicaNotices(
    TelemetryWindow window, ReplicaTraffic others, ComputeLimiter limiter, TimeProvider time, ILogger<ReplicaNotices> logger, IConnectionMultiplexer? redis = null)
    : BackgroundService
{
    private const int NewestTold = 8; // of a second: the list of the last fifty fills within seconds
    private const long MostBehind = 5; // seconds that a busy machine may let pass

    private static readonly RedisChannel Channel = RedisChannel.Literal("nanorecsys:telemetry:seconds");

    // Who found the second's slot just before it ended has counted in it by then.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(30);

    private readonly string _self = Guid.NewGuid().ToString("N");
    private long _told; // requests

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (redis is null)
        {
            return;
        }

        bool isSubscribed = false;
        long next = time.GetUtcNow().ToUnixTimeSeconds();
        while (true)
        {
            DateTimeOffset ends = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds() + 1);
            await Task.Delay(ends - time.GetUtcNow() + Grace, time, stoppingToken);
            long ended = time.GetUtcNow().ToUnixTimeSeconds() - 1;
            next = Math.Max(next, ended - MostBehind);
            try
            {
                if (!isSubscribed)
                {
                    ChannelMessageQueue messages = await redis.GetSubscriber().SubscribeAsync(Channel);
                    messages.OnMessage(message => Hear(message.Message)); // one after the other
                    isSubscribed = true; // from here on the client subscribes again by itself
                }

                for (; next <= ended; next++)
                {
                    await redis.GetDatabase().PublishAsync(Channel, Tell(next).Write());
                }
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                next = ended + 1;
                logger.LogDebug("No telemetry of other replicas for now: {Reason}", e.Message);
            }
        }
    }

    private ReplicaSecond Tell(long second) => new(
        _self, (window.FindSecond(second) ?? new TrafficSlot(second)).ReadFigures(), window.ReadNew(ref _told, NewestTold), limiter.Read());

    private void Hear(RedisValue message)
    {
        try
        {
            if (ReplicaSecond.Read((byte[]?)message) is { } told && told.Replica != _self)
            {
                others.Hear(told);
            }
        }
        catch (FormatException e)
        {
            logger.LogDebug("Another replica's telemetry was not understood: {Reason}", e.Message);
        }
    }
}

/// <summary>A message: what one replica answered in one second.</summary>
/// <param name="Replica">A process's name for itself, new with each start.</param>
/// <param name="Figures">Of the second.</param>
/// <param name="Newest">Some of its last requests, newest first.</param>
/// <param name="Load">What it computes now.</param>
internal sealed record ReplicaSecond(string Replica, SlotFigures Figures, IReadOnlyList<RequestTrace> Newest, ComputeLoad Load)
{
    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, ReplicaJson.Default.ReplicaSecond);

    /// <returns>Null where it is no such message, as one of another version of this program may be.</returns>
    public static ReplicaSecond? Read(ReadOnlySpan<byte> message)
    {
        try
        {
            return JsonSerializer.Deserialize(message, ReplicaJson.Default.ReplicaSecond);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ReplicaSecond))]
internal sealed partial class ReplicaJson : JsonSerializerContext;

/// <summary>What a <see cref="TrafficSlot"/> holds, as a message carries it.</summary>
/// <param name="Number">Of the slot.</param>
/// <param name="Requests">Recommendations answered.</param>
/// <param name="Hits">Answers of the cache.</param>
/// <param name="Lookups">Answers that were asked of it.</param>
/// <param name="MostInFlight">At once, at most.</param>
/// <param name="Modes">Recommendations by mode.</param>
/// <param name="Errors">By kind.</param>
/// <param name="HitSources">Hits by where they were found.</param>
/// <param name="Stages">Histograms as <see cref="LatencyHistogram.ReadPairs"/> gives them.</param>
/// <param name="Versions">Likewise, by model version.</param>
/// <param name="Slowest">The slowest first.</param>
/// <param name="DeepestQueue">Null where nothing queued.</param>
internal sealed record SlotFigures(
    long Number, long Requests, long Hits, long Lookups, int MostInFlight,
    IReadOnlyDictionary<string, long> Modes, IReadOnlyDictionary<string, long> Errors, IReadOnlyDictionary<string, long> HitSources,
    IReadOnlyDictionary<string, int[]> Stages, IReadOnlyDictionary<string, int[]> Versions, IReadOnlyList<RequestTrace> Slowest,
    int? DeepestQueue = null);
