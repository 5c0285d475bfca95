using System.ComponentModel.DataAnnotations;

namespace NanoRecSys.Api.Security;

/// <summary>Section <c>Security</c>. Everything is optional: without settings the service is open, as it is on one's own machine.</summary>
public sealed class SecurityOptions : IValidatableObject
{
    public const string Section = "Security";

    /// <summary>SHA-256 (64 hex digits) of each key that may write: events and movies. Without keys of either kind anyone may; with administrators' keys alone, only these.</summary>
    public IList<string> WriteKeys { get; init; } = [];

    /// <summary>SHA-256 of each key that may change which model is served, and write. Without keys of either kind anyone may; with write keys alone, nobody.</summary>
    public IList<string> AdminKeys { get; init; } = [];

    /// <summary>Requests that one address may send each second, over time; 0 sets no limit.</summary>
    [Range(0, 1_000_000)]
    public int RequestsPerSecond { get; set; }

    /// <summary>How many of them at once; twice the rate unless set.</summary>
    [Range(0, 1_000_000)]
    public int Burst { get; set; }

    /// <summary>Origins whose pages may call from a browser; none unless set.</summary>
    public IList<string> CorsOrigins { get; init; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) => WriteKeys.Concat(AdminKeys)
        .Where(key => key.Length != 64 || !key.All(char.IsAsciiHexDigit))
        // Not repeated here: it may be a key in the clear, and this goes to the log.
        .Select(_ => new ValidationResult($"{Section}: a key must be given by its SHA-256, 64 hex digits (printf %s KEY | sha256sum)."));
}
