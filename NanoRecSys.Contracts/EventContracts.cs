namespace NanoRecSys.Contracts;

/// <summary>Body of <c>POST /events</c>: one event, or an <see cref="EventBatch"/>.</summary>
public sealed record EventRequest
{
    public required EntityId UserId { get; init; }

    /// <summary><c>movie_id</c> is another name for it.</summary>
    public required EntityId ItemId { get; init; }

    /// <summary>
    /// Any name of 1 to 64 characters, such as <c>view</c> or <c>purchase</c>; <c>rate</c> where there is a rating, else <c>watch</c>. An event
    /// of a type with a negative weight (setting <c>Events:Weights:NAME</c>; <c>dislike</c> has -1) excludes the item instead.
    /// </summary>
    public string? Type { get; init; }

    /// <summary>Any finite number, on the scale of the data.</summary>
    public double? Rating { get; init; }

    /// <summary>Seconds since 1970; now where it is left out.</summary>
    public long? Timestamp { get; init; }

    /// <summary>
    /// Any text of 1 to 128 characters, the user's own for this event: sent again, it is stored once. Without it, the
    /// same item and type at the same timestamp are the same event.
    /// </summary>
    public string? Key { get; init; }

    /// <summary>
    /// <c>request_id</c> of the answer whose item led to this event; without it, the event counts for the latest list that showed the user the item.
    /// </summary>
    public string? RequestId { get; init; }
}

/// <summary>Body of <c>POST /events</c> for 1 to 1000 events.</summary>
public sealed record EventBatch(IReadOnlyList<EventRequest> Events);

/// <summary>Answer of <c>POST /events</c>. What is stored or a duplicate is on disk where the store keeps it there.</summary>
/// <param name="Stored">Events that are new.</param>
/// <param name="Duplicates">Events that were stored before.</param>
/// <param name="Refused">Events that were not stored, and why.</param>
/// <param name="RequestId">As in the log.</param>
public sealed record EventReceipt(int Stored, int Duplicates, IReadOnlyList<RefusedEvent> Refused, string RequestId);

/// <summary>Answer of <c>GET /events</c>.</summary>
/// <param name="Days">The last 14 in UTC, today first.</param>
/// <param name="Events">Newest first.</param>
public sealed record EventList(IReadOnlyList<EventDay> Days, IReadOnlyList<ListedEvent> Events);

/// <param name="Day">Such as <c>2026-01-31</c>.</param>
/// <param name="Events">Stored on that day, those deleted since included.</param>
public sealed record EventDay(string Day, long Events);

/// <summary>A stored event; see <see cref="EventRequest"/>.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="ItemId">Of which item.</param>
/// <param name="Title">Null for an item that the served model does not hold.</param>
/// <param name="Type">As it was sent.</param>
/// <param name="Rating">As it was sent.</param>
/// <param name="Timestamp">When it happened, in seconds since 1970.</param>
/// <param name="Received">When it arrived.</param>
/// <param name="Key">Deletes it; of an event that was sent without one, the store's own.</param>
public sealed record ListedEvent(EntityId UserId, EntityId ItemId, string? Title, string Type, float? Rating, long Timestamp, DateTimeOffset Received, string Key);

/// <summary>Answer of <c>DELETE /users/{id}/events</c> and <c>DELETE /users/{id}/events/{key}</c>.</summary>
/// <param name="Deleted">Number of events that were deleted.</param>
/// <param name="RequestId">As in the log.</param>
public sealed record EventsDeleted(long Deleted, string RequestId);

/// <param name="Index">Place in the batch, from 0.</param>
/// <param name="Errors">Everything that is wrong with it.</param>
public sealed record RefusedEvent(int Index, IReadOnlyList<FieldError> Errors);
