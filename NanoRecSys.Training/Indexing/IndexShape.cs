using System.Globalization;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Indexing;

/// <summary>What to build: a kind and its sizes.</summary>
/// <param name="Kind">See <see cref="IndexKinds"/>.</param>
/// <param name="Lists">Number of lists (nlist), for the kinds with lists.</param>
/// <param name="Parts">Bytes of a code (m), for <see cref="IndexKinds.IvfProduct"/>.</param>
/// <param name="Edges">Edges of a row (M), for <see cref="IndexKinds.Hnsw"/>; twice as many on the lowest level.</param>
public sealed record IndexShape(string Kind, int Lists = 0, int Parts = 0, int Edges = 0)
{
    /// <summary>As FAISS's factory writes it: <c>IVF4096,PQ32</c>.</summary>
    public string Factory => Kind switch
    {
        IndexKinds.IvfFlat => string.Create(CultureInfo.InvariantCulture, $"IVF{Lists},Flat"),
        IndexKinds.IvfScalar => string.Create(CultureInfo.InvariantCulture, $"IVF{Lists},SQ8"),
        IndexKinds.IvfProduct => string.Create(CultureInfo.InvariantCulture, $"IVF{Lists},PQ{Parts}"),
        IndexKinds.Hnsw => string.Create(CultureInfo.InvariantCulture, $"HNSW{Edges},Flat"),
        _ => "Flat",
    };

    public override string ToString() => Factory;
}
