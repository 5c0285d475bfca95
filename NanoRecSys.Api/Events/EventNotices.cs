using System.Globalization;
using System.Text.Json;
using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>
/// Notifies every replica whose events changed, and counts the received notices: an answer computed at one count for a user is
/// out of date at the next. Each replica also sends itself a heartbeat on the same channel, with its send time: for one second
/// after that time, no earlier notice can be missing. Without a recent heartbeat, or after a lost connection, nothing may be
/// served from this process's memory. So an answer is out of date for at most a second, however late notices arrive.
/// </summary>
internal sealed class EventNotices(ILogger<EventNotices> logger, IConnectionMultiplexer? redis = null) : BackgroundService
{
    private const int Stripes = 1 << 16; // users in the same stripe only invalidate each other's answers
    private const char BeatMark = '!';
    private static readonly TimeSpan BeatEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly RedisChannel Channel = RedisChannel.Literal(EventKeys.Notices);

    private readonly string _self = Guid.NewGuid().ToString("N");
    private readonly int[] _counts = new int[Stripes];
    private readonly Lock _beating = new();
    private int _generation; // incremented whenever a notice may have been missed
    private long _heardUntil = long.MinValue; // ms of Environment.TickCount64
    private long _lostAt = long.MinValue; // likewise

    /// <summary>Whether notices are being received now.</summary>
    public bool IsListening => Environment.TickCount64 < Volatile.Read(ref _heardUntil);

    /// <returns>The stamp of a user's events, or of sessions if the id is null; null while no notices are received.</returns>
    public long? StampOf(EntityId? userId) => !IsListening ? null
        : ((long)Volatile.Read(ref _generation) << 32) | (userId is { } user ? (uint)Volatile.Read(ref CountOf(user)) : 0);

    /// <summary>Called when the users' events changed: this process then drops their answers.</summary>
    public void Heard(IEnumerable<EntityId> users)
    {
        foreach (EntityId user in users)
        {
            Interlocked.Increment(ref CountOf(user));
        }
    }

    /// <summary>Part of the transaction that changes the users' events: both happen, or neither.</summary>
    public static Task PublishAsync(ITransaction transaction, IEnumerable<EntityId> users)
    {
        return transaction.PublishAsync(Channel, JsonSerializer.SerializeToUtf8Bytes(users.Select(user => user.Text).ToArray(), ApiJson.Default.StringArray));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (redis is null)
        {
            return;
        }

        redis.ConnectionFailed += (_, _) => Lose();
        await redis.ReceiveAsync(Channel, message => Receive(message.ToString()));
        using var timer = new PeriodicTimer(BeatEvery);
        do
        {
            try
            {
                await redis.GetDatabase().PublishAsync(Channel, string.Create(CultureInfo.InvariantCulture, $"{BeatMark}{_self}:{Environment.TickCount64}"));
            }
            catch (Exception e) when (RedisFailure.Is(e))
            {
                logger.LogDebug("No notices of events for now: {Reason}", e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private void Receive(string message)
    {
        if (message.StartsWith(BeatMark))
        {
            if (message.AsSpan(1).StartsWith(_self))
            {
                ReceiveBeat(long.Parse(message.AsSpan(1 + _self.Length + 1), CultureInfo.InvariantCulture));
            }

            return;
        }

        try
        {
            Heard((JsonSerializer.Deserialize(message, ApiJson.Default.StringArray) ?? []).Where(id => id is not null).Select(id => EntityId.Of(id)));
        }
        catch (JsonException e)
        {
            logger.LogDebug("A notice of events cannot be read: {Reason}", e.Message);
            Interlocked.Increment(ref _generation); // it may have been about any user
        }
    }

    private ref int CountOf(EntityId user) => ref _counts[user.GetHashCode() & (Stripes - 1)];

    private void ReceiveBeat(long sentAt)
    {
        lock (_beating)
        {
            if (sentAt <= _lostAt)
            {
                return;
            }

            if (!IsListening)
            {
                Interlocked.Increment(ref _generation); // drops everything cached before the gap
            }

            Volatile.Write(ref _heardUntil, sentAt + (long)Patience.TotalMilliseconds);
        }
    }

    private void Lose()
    {
        lock (_beating)
        {
            _lostAt = Environment.TickCount64;
            Interlocked.Increment(ref _generation);
            Volatile.Write(ref _heardUntil, long.MinValue);
        }
    }
}
