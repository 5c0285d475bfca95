using System.ComponentModel.DataAnnotations;

namespace NanoRecSys.Api.Recommendations;

/// <summary>What a request gets that comes when the queue is full.</summary>
public enum OverloadAnswer
{
    /// <summary>Popular movies the user has not seen, <c>mode: degraded</c>: a page has something to show.</summary>
    Degraded,

    /// <summary>503 with <c>Retry-After</c>: a client that prefers a late personal answer can ask again.</summary>
    Refused,
}

/// <summary>Section <c>Overload</c>: how much is computed at once, how much waits, and what the rest gets.</summary>
public sealed class OverloadOptions
{
    public const string Section = "Overload";

    /// <summary>Answers computed at once; 0 takes the number of processors. More only share them, and all become later.</summary>
    [Range(0, 1024)]
    public int Concurrency { get; set; }

    /// <summary>Requests that wait for their turn.</summary>
    [Range(0, 100_000)]
    public int QueueLimit { get; set; } = 64;

    /// <summary>How long one waits at most, however short the queue is.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan LongestWait { get; set; } = TimeSpan.FromMilliseconds(150);

    /// <summary>What the others get.</summary>
    public OverloadAnswer Answer { get; set; } = OverloadAnswer.Degraded;
}
