using System.Globalization;

namespace NanoRecSys.Core.Events;

/// <summary>
/// Where events lie in Redis: one hash per user, from idempotency key to event, and the set of users. These keys have
/// no time to live, so that a policy such as <c>volatile-lru</c> never evicts them.
/// </summary>
public static class EventKeys
{
    /// <summary>A set: ids of all users who have events.</summary>
    public const string Users = "nanorecsys:events:users";

    /// <summary>A channel: ids of users whose events were just stored.</summary>
    public const string Notices = "nanorecsys:events:notices";

    /// <summary>A hash: one field for each event, which is written once and never changed or removed.</summary>
    public static string Of(int userId) => string.Create(CultureInfo.InvariantCulture, $"nanorecsys:events:user:{userId}");
}
