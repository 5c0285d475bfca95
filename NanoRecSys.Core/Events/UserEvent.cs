using System.Text.Json.Serialization;

namespace NanoRecSys.Core.Events;

/// <summary>What a user did with a movie after the model was trained: served at once, folded into the next training.</summary>
/// <param name="MovieId">The data set's id, or that of a movie added since.</param>
/// <param name="Timestamp">Seconds since 1970, when it happened.</param>
/// <param name="Type">One of <see cref="EventTypes"/>.</param>
/// <param name="Rating">Stars, 0.5 to 5, if any were given.</param>
/// <param name="Received">Microseconds since 1970 when it arrived: of two events of the same second, the order.</param>
public sealed record UserEvent(int MovieId, long Timestamp, string Type, float? Rating, long Received)
{
    /// <summary>Whether it says that the user wants such movies: then it becomes part of the history.</summary>
    [JsonIgnore]
    public bool IsPositive => Type != EventTypes.Dislike;

    /// <summary>As they happened, whatever the order they arrived in.</summary>
    public static int CompareByTime(UserEvent a, UserEvent b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        return a.Timestamp != b.Timestamp ? a.Timestamp.CompareTo(b.Timestamp) : a.Received.CompareTo(b.Received);
    }

    /// <summary>Whether both tell the same, whenever each arrived.</summary>
    public bool SaysTheSameAs(UserEvent other) => this == (other ?? throw new ArgumentNullException(nameof(other))) with { Received = Received };
}
