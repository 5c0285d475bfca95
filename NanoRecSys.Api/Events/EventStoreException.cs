using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>Events could not be stored now; the message is for the client.</summary>
public sealed class EventStoreException : Exception
{
    public EventStoreException()
    {
    }

    public EventStoreException(string message)
        : base(message)
    {
    }

    public EventStoreException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <param name="e">What the Redis client threw.</param>
    public static EventStoreException From(Exception e)
    {
        ArgumentNullException.ThrowIfNull(e);
        return new EventStoreException(e switch
        {
            RedisServerException when IsFull(e) => "The store is full: no event was stored. Make room in Redis (maxmemory), then send them again.",
            RedisServerException => $"The store refuses events: {e.Message}. Nothing was stored.",
            InvalidDataException => $"{e.Message} It stands where one of these does; the others are stored.",
            _ => "The store does not answer: the events may or may not be stored. Send them again with the same keys and timestamps; what is there is not stored twice.",
        }, e);
    }

    // Said by the command itself, or by EXEC of a transaction whose commands were refused for it.
    private static bool IsFull(Exception e) => e.Message.Contains("OOM", StringComparison.Ordinal) || e.Message.Contains("EXECABORT", StringComparison.Ordinal);
}
