namespace NanoRecSys.Api.Telemetry;

/// <summary>The stages of a request, as traces, metrics and answers call them.</summary>
public static class StageNames
{
    public const string CacheGet = "cache.get";
    public const string History = "history";
    public const string Encode = "encode";
    public const string Retrieve = "retrieve";
    public const string Rank = "rank";
    public const string CacheSet = "cache.set";

    /// <summary>The whole request; not a stage of its own.</summary>
    public const string Total = "total";

    /// <summary>In the order of the request, the total last.</summary>
    public static readonly IReadOnlyList<string> All = [CacheGet, History, Encode, Retrieve, Rank, CacheSet, Total];
}
