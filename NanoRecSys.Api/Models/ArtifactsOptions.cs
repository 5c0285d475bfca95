using System.ComponentModel.DataAnnotations;

namespace NanoRecSys.Api.Models;

/// <summary>Section <c>Artifacts</c>: where published versions lie.</summary>
public sealed class ArtifactsOptions
{
    public const string Section = "Artifacts";

    /// <summary>The artifacts folder; a relative path starts at the working directory.</summary>
    [Required]
    public string Path { get; set; } = "artifacts";

    /// <summary>How often <c>current</c> is looked at.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary><see cref="Path"/> as an absolute path.</summary>
    public string FullPath() => System.IO.Path.GetFullPath(Path);
}
