namespace NanoRecSys.Api.Telemetry;

/// <summary>How a look-up in the cache ended: the tag <c>result</c> of <c>nanorecsys.cache.lookups</c>.</summary>
public static class CacheResults
{
    public const string Hit = "hit";
    public const string Miss = "miss";

    /// <summary>Redis is configured and did not answer.</summary>
    public const string Error = "error";

    /// <summary>No Redis is configured.</summary>
    public const string Off = "off";
}

/// <summary>Where a hit was found: the tag <c>source</c> of <c>nanorecsys.cache.lookups</c>.</summary>
public static class CacheSources
{
    /// <summary>In this process.</summary>
    public const string Memory = "memory";

    public const string Redis = "redis";
}
