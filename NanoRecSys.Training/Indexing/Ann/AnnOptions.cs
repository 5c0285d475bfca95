using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Indexing.Ann;

/// <summary>What <c>ann-benchmark</c> can be told.</summary>
public sealed record AnnOptions
{
    /// <summary>Kinds and sizes of the original's ablation.</summary>
    public const string Ablation = "ablation";

    /// <summary>Kinds and sizes for a million rows and more.</summary>
    public const string Scale = "scale";

    /// <summary>[rows, D] as <c>.npy</c>; null: the exported item embeddings.</summary>
    public string? Vectors { get; init; }

    /// <summary>Where the tables and plots go.</summary>
    public required string Output { get; init; }

    public string Grid { get; init; } = Ablation;

    /// <summary>Those of the grid that are built, of <see cref="IndexKinds.All"/>.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = IndexKinds.All;

    /// <summary>Queries of every measurement.</summary>
    public int Queries { get; init; } = 200;

    /// <summary>Whether the FAISS library searches the same files in the same run.</summary>
    public bool WithFaiss { get; init; } = true;
}
