namespace NanoRecSys.Training.Export;

/// <summary>What <c>export</c> can be told.</summary>
public sealed record ExportOptions
{
    /// <summary>Real histories on which the exported graphs are compared with the trained networks.</summary>
    public int ParityHistories { get; init; } = 200;
}
