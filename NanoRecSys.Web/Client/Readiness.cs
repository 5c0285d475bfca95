using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Client;

/// <summary>What <c>GET /readyz</c> says, or that nobody says anything.</summary>
/// <param name="State">Away, without a model, or ready.</param>
/// <param name="Status">The status document when ready.</param>
/// <param name="Problems">What the API gives as errors and warnings when it is not ready.</param>
public sealed record Readiness(ReadinessState State, StatusDocument? Status, IReadOnlyList<string> Problems);

public enum ReadinessState
{
    Away,
    NotReady,
    Ready,
}
