using NanoRecSys.Core.Events;

namespace NanoRecSys.Api.Events;

/// <summary>An event that was checked and waits to be stored.</summary>
/// <param name="Index">Its place in the request.</param>
/// <param name="UserId">Whose it is.</param>
/// <param name="Field">Its idempotency key, unique among the user's events.</param>
/// <param name="Event">What happened.</param>
public sealed record EventDraft(int Index, int UserId, string Field, UserEvent Event);
