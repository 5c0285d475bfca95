using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Recommendations;

/// <summary>What a computation came to.</summary>
/// <param name="Answer">Null where it was refused for want of capacity.</param>
/// <param name="IsWhole">Whether every part did its share: false makes the response <c>degraded</c>.</param>
/// <param name="Timing">Of its stages; the total is each request's own.</param>
public sealed record Computed(StoredAnswer? Answer, bool IsWhole, DebugTiming Timing)
{
    /// <summary>The queue was full, and the settings ask for a 503.</summary>
    public static readonly Computed Refused = new(null, false, new DebugTiming());
}

/// <summary>A response: an answer, and what it says of its request. Without an answer the request was refused.</summary>
public sealed record Recommendation(StoredAnswer? Answer, RequestPart Request);
