using System.Globalization;
using System.Text;
using StackExchange.Redis;

namespace NanoRecSys.Api.Outcomes;

/// <summary>An answer shown to a user, once or, while it waits to be written, several times.</summary>
/// <param name="itemIds">See <see cref="CacheEntry.ItemIds"/>.</param>
internal sealed class Impression(EntityId user, string version, string surface, ReadOnlyMemory<byte> itemIds, string requestId, DateTimeOffset time)
{
    private readonly Lock _counting = new();
    private int _times = 1;
    private bool _isClosed;

    public EntityId User => user;
    public string Version => version;
    public string Surface => surface;
    public ReadOnlyMemory<byte> ItemIds => itemIds;
    public int ItemCount => itemIds.Length == 0 ? 0 : itemIds.Span.Count((byte)'\n') + 1;

    /// <summary>Id of the latest request.</summary>
    public string RequestId { get; private set; } = requestId;

    public DateTimeOffset Time { get; private set; } = time;

    /// <returns>False if it is already being written, or was shown to another user or on another surface.</returns>
    public bool TryRepeat(EntityId toUser, string onSurface, string byRequest, DateTimeOffset now)
    {
        if (toUser != user || onSurface != surface)
        {
            return false;
        }

        lock (_counting)
        {
            if (!_isClosed)
            {
                _times++;
                (RequestId, Time) = (byRequest, now);
            }

            return !_isClosed;
        }
    }

    /// <returns>How many times it was shown; later ones are not counted.</returns>
    public int Close()
    {
        lock (_counting)
        {
            _isClosed = true;
            return _times;
        }
    }
}

/// <summary>One list shown to a user, as stored in Redis: lines with the request's id, the time, version, surface and items.</summary>
/// <param name="Time">In seconds since 1970.</param>
/// <param name="Items">In order, at most a hundred.</param>
internal sealed record ShownList(string Request, long Time, string Version, string Surface, string[] Items)
{
    private const int MostItems = 100;
    private const char Between = '\n'; // ids cannot contain it

    public static byte[] Write(Impression list, string surface)
    {
        string head = $"{list.RequestId}\n{list.Time.ToUnixTimeSeconds()}\n{list.Version}\n{surface}\n";
        ReadOnlySpan<byte> ids = list.ItemIds.Span;
        int end = 0;
        for (int items = 0; items < MostItems && end < ids.Length; items++)
        {
            int length = ids[(end + 1)..].IndexOf((byte)Between);
            end = length < 0 ? ids.Length : end + 1 + length;
        }

        return [.. Encoding.UTF8.GetBytes(head), .. ids[..end]];
    }

    /// <returns>Null if it cannot be read.</returns>
    public static ShownList? Read(RedisValue stored) =>
        ((string?)stored)?.Split(Between, StringSplitOptions.RemoveEmptyEntries) is [var request, var time, var version, var surface, .. var items]
        && long.TryParse(time, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
            ? new ShownList(request, seconds, version, surface, items)
            : null;
}
