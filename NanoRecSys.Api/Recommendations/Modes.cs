namespace NanoRecSys.Api.Recommendations;

/// <summary>Whether an answer, or the service, is what it would be with every part at work.</summary>
public static class Modes
{
    /// <summary>Every part that is configured works. An unknown user's popular items are live too.</summary>
    public const string Live = "live";

    /// <summary>A part is away: Redis, the model, or the version that should be served.</summary>
    public const string Degraded = "degraded";
}
