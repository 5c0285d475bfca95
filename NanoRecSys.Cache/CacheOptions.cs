using System.ComponentModel.DataAnnotations;

namespace NanoRecSys.Cache;

internal sealed class CacheOptions
{
    public const string Section = "Cache";

    /// <summary>TCP port on 127.0.0.1.</summary>
    [Range(1, ushort.MaxValue)]
    public int Port { get; set; } = 6399;

    /// <summary>
    /// Clients must authenticate with it. Required because Garnet skips HTTP headers: without a password, any web page open on this
    /// machine could send commands in the body of a cross-origin POST.
    /// </summary>
    [Required(ErrorMessage = "Cache:Password is not set. Set it, for example with the environment variable Cache__Password.")]
    public string? Password { get; set; }
}
