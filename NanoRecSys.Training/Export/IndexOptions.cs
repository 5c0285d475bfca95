using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Indexing;

namespace NanoRecSys.Training.Export;

/// <summary>What <c>index</c> can be told. Sizes that are null follow from the number of items.</summary>
public sealed record IndexOptions
{
    /// <summary>Measures several kinds and takes the fastest that finds enough.</summary>
    public const string Auto = "auto";

    /// <summary>Kinds that can be built.</summary>
    public static readonly IReadOnlyList<string> Kinds = [.. IndexKinds.All, Auto];

    public string Kind { get; init; } = IndexKinds.Flat;

    /// <summary>Number of lists (nlist).</summary>
    public int? Lists { get; init; }

    /// <summary>Bytes of a product code (m).</summary>
    public int? Parts { get; init; }

    /// <summary>Edges of a row in a graph (M).</summary>
    public int? Edges { get; init; }

    /// <summary>Lists searched (nprobe) or rows kept in sight (efSearch); null: as few as reach <see cref="Recall"/>.</summary>
    public int? Width { get; init; }

    /// <summary>Items below which <see cref="Auto"/> takes a flat index without measuring others.</summary>
    public int FlatBelow { get; init; } = DefaultShapes.FlatBelow;

    /// <summary>Share of the exact hundred nearest that a search must find.</summary>
    public double Recall { get; init; } = 0.95;
}
