using StackExchange.Redis;

namespace NanoRecSys.Core.Events;

/// <summary>What a Redis command can end with that is the server's doing, not a defect here.</summary>
internal static class RedisFailure
{
    /// <summary>
    /// The server is away, slow, a replica or refuses the command, or a value is not one that this product writes. The client's own exceptions have no
    /// common base.
    /// </summary>
    public static bool Is(Exception e) => e is RedisException or RedisCommandException or TimeoutException or InvalidCastException;
}
