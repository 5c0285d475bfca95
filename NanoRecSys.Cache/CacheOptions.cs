using System.ComponentModel.DataAnnotations;

namespace NanoRecSys.Cache;

/// <summary>Section <c>Cache</c>.</summary>
internal sealed class CacheOptions
{
    public const string Section = "Cache";

    /// <summary>TCP port on 127.0.0.1.</summary>
    [Range(1, ushort.MaxValue)]
    public int Port { get; set; } = 6399;

    /// <summary>Clients must authenticate with it; empty for no authentication.</summary>
    public string? Password { get; set; }
}
