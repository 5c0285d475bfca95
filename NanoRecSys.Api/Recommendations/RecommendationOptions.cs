using System.ComponentModel.DataAnnotations;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Section <c>Recommendations</c>. What belongs to a model is in its manifest, not here.</summary>
public sealed class RecommendationOptions
{
    public const string Section = "Recommendations";

    /// <summary>How many of the retriever's best the ranker sees; at least K are taken.</summary>
    [Range(1, 10_000)]
    public int Candidates { get; set; } = 100;

    /// <summary>How long an answer may be served from the cache.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan CacheLifetime { get; set; } = TimeSpan.FromSeconds(300);

    /// <summary>Memory for answers in this process, in front of Redis; 0 keeps none. Used only while events are heard of.</summary>
    [Range(0, long.MaxValue)]
    public long MemoryBytes { get; set; } = 64 << 20;
}
