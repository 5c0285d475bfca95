namespace NanoRecSys.Training.Export;

/// <summary>What <c>export</c> can be told.</summary>
public sealed record ExportOptions
{
    /// <summary>Real histories on which the exported graphs are compared with the trained networks.</summary>
    public int ParityHistories { get; init; } = 200;

    public RankerPrecision RankerPrecision { get; init; } = RankerPrecision.Auto;
}

/// <summary>In which numbers serving multiplies per candidate.</summary>
public enum RankerPrecision
{
    /// <summary>8 bits where the network is large and its logits stay close to the trained one's, else 32.</summary>
    Auto,

    ThirtyTwoBits,

    EightBits,
}
