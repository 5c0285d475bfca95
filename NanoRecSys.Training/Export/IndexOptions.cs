namespace NanoRecSys.Training.Export;

/// <summary>What <c>index</c> can be told.</summary>
public sealed record IndexOptions
{
    public const string Flat = "flat";

    /// <summary>Kinds that can be built.</summary>
    public static readonly IReadOnlyList<string> Kinds = [Flat];

    /// <summary>Kinds whose names are known, and which are not there yet.</summary>
    public static readonly IReadOnlyList<string> PlannedKinds = ["ivf-flat", "ivf-sq8", "ivf-pq", "hnsw"];

    public string Kind { get; init; } = Flat;
}
