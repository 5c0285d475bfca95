using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using StackExchange.Redis;

namespace NanoRecSys.Api.Telemetry;

/// <summary>
/// The figures published by other replicas, summed in rings like this process's own, since this process started.
/// </summary>
/// <remarks>One thread at a time may call <see cref="Receive"/>; any number may read.</remarks>
internal sealed class ReplicaTraffic(TimeProvider time)
{
    private const long LargestClockLead = 10; // seconds; a ring that is ahead would refuse the figures of all others

    // A replica without a message for this long is stopped or disconnected.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly TrafficRing _bySecond = new(TelemetryWindow.SecondsKept, 1);
    private readonly TrafficRing _byMinute = new(TelemetryWindow.MaxSeconds / TelemetryWindow.SecondsPerMinute, TelemetryWindow.SecondsPerMinute);
    private readonly RecentRequests _recent = new(TelemetryWindow.KeptTraces);
    private readonly ConcurrentDictionary<string, (DateTimeOffset At, ComputeLoad Load)> _present = new(StringComparer.Ordinal);

    public int Count => Present().Count(); // number of other replicas that published in the last seconds

    /// <summary>The load of all replicas, given this process's own.</summary>
    public ComputeLoad With(ComputeLoad own)
    {
        return Present().Aggregate(own, (sum, load) => new ComputeLoad(
            sum.Running + load.Running, sum.Concurrency + load.Concurrency, sum.QueueDepth + load.QueueDepth, sum.QueueLimit + load.QueueLimit, sum.Shed + load.Shed));
    }

    /// <exception cref="FormatException">A histogram is not valid; nothing was counted.</exception>
    internal void Receive(ReplicaSecond message)
    {
        DateTimeOffset now = time.GetUtcNow();
        TrafficSlot received = TrafficSlot.From(message.Figures);
        _present[message.Replica] = (now, message.Load);
        if (received.Number > now.ToUnixTimeSeconds() + LargestClockLead || _bySecond.At(received.Number) is not { } second || second.Number != received.Number)
        {
            return; // Its clock differs too much, or the message is older than the ring covers.
        }

        second.AddBeside(received);
        TrafficSlot minute = _byMinute.At(received.Number);
        minute.Add(received);
        minute.RaiseMost(second); // The maximum over all replicas in the same second.
        minute.Slowest.AddRange(received.Slowest.Read());
        foreach (RequestTrace trace in message.Newest.Reverse())
        {
            _recent.Add(trace);
        }
    }

    /// <inheritdoc cref="TrafficRing.Read"/>
    internal TrafficSlot[] Read(long unixSeconds, int windowSeconds) =>
        (windowSeconds <= _bySecond.Seconds ? _bySecond : _byMinute).Read(unixSeconds, windowSeconds);

    /// <summary>The last requests of other replicas, newest message first.</summary>
    internal RequestTrace[] ReadRecent() => _recent.Read();

    private IEnumerable<ComputeLoad> Present()
    {
        DateTimeOffset now = time.GetUtcNow();
        foreach ((string replica, (DateTimeOffset at, ComputeLoad load)) in _present)
        {
            if (now - at <= Patience)
            {
                yield return load;
            }
            else
            {
                _present.TryRemove(replica, out _); // A replica gets a new name at each start.
            }
        }
    }
}

/// <summary>
/// Publishes once a second this replica's answers of the previous second, and receives the same from the others, so that each can
/// show all of them as one. Costs requests nothing. Nothing is sent twice: while Redis is unavailable, each replica shows only itself.
/// </summary>
internal sealed class ReplicaNotices(
    TelemetryWindow window, ReplicaTraffic others, ComputeLimiter limiter, TimeProvider time, ILogger<ReplicaNotices> logger, IConnectionMultiplexer? redis = null)
    : BackgroundService
{
    private const int NewestSent = 8; // per second: the list of the last fifty fills within seconds
    private const long MostBehind = 5; // seconds; allows for a busy machine

    private static readonly RedisChannel Channel = RedisChannel.Literal("nanorecsys:telemetry:seconds");

    // By then, requests that got the second's slot just before its end have been counted in it.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(30);

    private readonly string _self = Guid.NewGuid().ToString("N");
    private long _sent; // requests

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (redis is null)
        {
            return;
        }

        await redis.ReceiveAsync(Channel, Receive);
        long next = time.GetUtcNow().ToUnixTimeSeconds();
        while (true)
        {
            DateTimeOffset ends = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds() + 1);
            await Task.Delay(ends - time.GetUtcNow() + Grace, time, stoppingToken);
            long ended = time.GetUtcNow().ToUnixTimeSeconds() - 1;
            next = Math.Max(next, ended - MostBehind);
            try
            {
                for (; next <= ended; next++)
                {
                    await redis.GetDatabase().PublishAsync(Channel, Message(next).Write());
                }
            }
            catch (Exception e) when (RedisFailure.Is(e))
            {
                next = ended + 1;
                logger.LogDebug("No telemetry from other replicas for now: {Reason}", e.Message);
            }
        }
    }

    private ReplicaSecond Message(long second) => new(
        _self, (window.FindSecond(second) ?? new TrafficSlot(second)).ReadFigures(), window.ReadNew(ref _sent, NewestSent), limiter.Read());

    private void Receive(RedisValue message)
    {
        try
        {
            if (ReplicaSecond.Read((byte[]?)message) is { } second && second.Replica != _self)
            {
                others.Receive(second);
            }
        }
        catch (FormatException e)
        {
            logger.LogDebug("Another replica's telemetry is not valid: {Reason}", e.Message);
        }
    }
}

/// <summary>A message: one replica's answers of one second.</summary>
/// <param name="Replica">The process's name, new with each start.</param>
/// <param name="Newest">Some of its last requests, newest first.</param>
internal sealed record ReplicaSecond(string Replica, SlotFigures Figures, IReadOnlyList<RequestTrace> Newest, ComputeLoad Load)
{
    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, ReplicaJson.Default.ReplicaSecond);

    /// <returns>Null if it is not such a message, for example because it is from another version of this program.</returns>
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

/// <summary>The content of a <see cref="TrafficSlot"/> in a message.</summary>
/// <param name="MostInFlight">Largest number of requests at once.</param>
/// <param name="Stages">Histograms in the form of <see cref="LatencyHistogram.ReadPairs"/>.</param>
/// <param name="Slowest">Slowest first.</param>
/// <param name="DeepestQueue">Null if nothing queued.</param>
internal sealed record SlotFigures(
    long Number, int MostInFlight, IReadOnlyDictionary<string, long> Counts, IReadOnlyDictionary<string, int[]> Stages,
    IReadOnlyDictionary<string, int[]> Versions, IReadOnlyList<RequestTrace> Slowest, int? DeepestQueue = null);
