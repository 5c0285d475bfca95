namespace NanoRecSys.Training.Export;

/// <summary>What <c>index</c> can be told.</summary>
public sealed record IndexOptions
{
    public const string Flat = "flat";

    /// <summary>Kinds that can be built.</summary>
    public static readonly IReadOnlyList<string> Kinds = [Flat];

    public string Kind { get; init; } = Flat;
}
