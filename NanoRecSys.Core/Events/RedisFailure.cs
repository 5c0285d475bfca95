using StackExchange.Redis;

namespace NanoRecSys.Core.Events;

/// <summary>Failures of a Redis command that are caused by the server, not by a defect here.</summary>
internal static class RedisFailure
{
    /// <summary>
    /// The server is unavailable, slow, a replica or refuses the command, or a value was not written by this product. The client's exceptions have no
    /// common base class.
    /// </summary>
    public static bool Is(Exception e) => e is RedisException or RedisCommandException or TimeoutException or InvalidCastException;
}
