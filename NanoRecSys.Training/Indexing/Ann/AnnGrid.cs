using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Indexing.Ann;

/// <summary>Which indexes are built, and how widely each searches.</summary>
internal static class AnnGrid
{
    private static readonly int[] Probes = [1, 2, 4, 8, 16, 32, 64, 128];
    private static readonly int[] ScaleProbes = [1, 2, 5, 10, 20, 50, 100];
    private static readonly int[] Lists = [256, 512, 1024];
    private static readonly int[] Parts = [32, 64];
    private static readonly int[] Breadths = [100, 150, 200, 300, 400, 600, 800];

    /// <param name="name">See <see cref="AnnOptions"/>.</param>
    /// <param name="dimension">D; codes that do not cut it into equal parts are left out, or made smaller.</param>
    public static IEnumerable<(IndexShape Shape, IReadOnlyList<int> Widths)> Of(string name, int dimension)
    {
        yield return (new IndexShape(IndexKinds.Flat), [0]);
        if (name == AnnOptions.Scale)
        {
            yield return (new IndexShape(IndexKinds.IvfFlat, 2048), ScaleProbes);
            yield return (new IndexShape(IndexKinds.IvfScalar, 2048), ScaleProbes);
            yield return (new IndexShape(IndexKinds.IvfProduct, 4096, MostParts(dimension)), ScaleProbes);
            yield return (new IndexShape(IndexKinds.Hnsw, Edges: 32), Breadths);
            yield break;
        }

        foreach (int lists in Lists)
        {
            yield return (new IndexShape(IndexKinds.IvfFlat, lists), Probes);
            yield return (new IndexShape(IndexKinds.IvfScalar, lists), Probes);
            foreach (int parts in Parts.Where(parts => dimension % parts == 0))
            {
                yield return (new IndexShape(IndexKinds.IvfProduct, lists, parts), Probes);
            }
        }

        yield return (new IndexShape(IndexKinds.Hnsw, Edges: 32), Breadths);
    }

    // 32, or the most below that cut the vector into equal parts.
    private static int MostParts(int dimension) => Enumerable.Range(1, 32).Last(parts => dimension % parts == 0);
}
