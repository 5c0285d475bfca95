namespace NanoRecSys.Api.Telemetry;

/// <summary>The stages of a request, as traces, metrics and answers call them.</summary>
public static class StageNames
{
    public const string CacheGet = "cache.get";
    public const string History = "history";

    /// <summary>Waiting for one's turn; only where there was none at once.</summary>
    public const string Queue = "queue";
    public const string Encode = "encode";
    public const string Retrieve = "retrieve";
    public const string Rank = "rank";

    /// <summary>Measuring the reasons; only where they are asked for.</summary>
    public const string Explain = "explain";
    public const string CacheSet = "cache.set";

    /// <summary>Waiting for another request's computation of the same answer.</summary>
    public const string Shared = "shared";

    /// <summary>The whole request; not a stage of its own.</summary>
    public const string Total = "total";

    /// <summary>In the order of the request, the total last.</summary>
    public static readonly IReadOnlyList<string> All = [CacheGet, History, Queue, Encode, Retrieve, Rank, Explain, CacheSet, Shared, Total];
}
