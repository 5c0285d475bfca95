using System.Numerics.Tensors;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export.Map;

/// <summary>
/// The map of a version's item embeddings, for people to look at; nothing is served from it. The well-known items are
/// laid out by their neighbours among each other; the others, whose embeddings are mostly noise, join those they are
/// nearest to. All of them laid out alike came out as one cloud (4% of the nearest ten kept on the sample).
/// </summary>
internal static class ItemMapExport
{
    private const int Neighbours = 10;
    private const int Hosts = 3; // well-known items that place another one
    private const int KnownFrom = 10; // interactions
    private const int LeastKnown = 200; // items: below, all of them are laid out

    /// <param name="folder">Holds the item embeddings, and gets the map.</param>
    /// <param name="catalog">Says how well an item is known.</param>
    /// <param name="context">Seed, threads, whom to tell.</param>
    public static async Task<ItemMapInfo> WriteAsync(string folder, Catalog catalog, StepContext context)
    {
        (float[] vectors, int dimension) = NpyFile.Read(Path.Combine(folder, ArtifactNames.ItemEmbeddings)); // [V, D]
        int[] known = [.. catalog.Items.Where(item => item.Count >= KnownFrom).Select(item => item.Index)]; // [N]
        if (known.Length < LeastKnown)
        {
            known = [.. Enumerable.Range(0, catalog.Count)];
        }

        float[] knownVectors = [.. known.SelectMany(row => vectors[(row * dimension)..((row + 1) * dimension)])]; // [N, D]
        var random = new Random((int)context.Seed);
        int[][] neighbours = NearestNeighbours.OfEach(new FlatIndex(knownVectors, dimension), Neighbours, context);
        float[] layout = NeighbourLayout.Arrange(
            PrincipalPlane.Project(knownVectors, dimension, random), neighbours, random,
            share => context.Progress.Report(new StepProgress { Fraction = 0.6 + 0.35 * share, Detail = "item map" }), context.Cancellation); // [N, 2]

        float[] places = Join(vectors, new FlatIndex(knownVectors, dimension), layout, known, random); // [V, 2]
        await ItemPlaneFile.WriteAsync(Path.Combine(folder, ArtifactNames.ItemMap), places, context.Cancellation);
        int[][] seen = NearestNeighbours.OfEach(new FlatIndex(layout, 2, VectorMetric.L2), Neighbours, context);
        double kept = neighbours.Zip(seen, (nearest, drawn) => nearest.Intersect(drawn).Count() / (double)Neighbours).DefaultIfEmpty().Average();
        return new ItemMapInfo(ArtifactNames.ItemMap, "neighbours", kept);
    }

    // Beside the middle of its nearest well-known ones, so that items of the same hosts do not cover each other.
    private static float[] Join(float[] vectors, FlatIndex index, float[] layout, int[] known, Random random)
    {
        const float Apart = 0.03f; // of the map's half
        int dimension = index.Dimension;
        var places = new float[vectors.Length / dimension * 2];
        var hosts = new Candidate[Math.Min(Hosts, index.Count)];
        Dictionary<int, int> placeOf = known.Select((row, place) => (row, place)).ToDictionary(entry => entry.row, entry => entry.place);
        for (int row = 0; row < places.Length / 2; row++)
        {
            Span<float> place = places.AsSpan(2 * row, 2);
            if (placeOf.TryGetValue(row, out int own))
            {
                layout.AsSpan(2 * own, 2).CopyTo(place);
                continue;
            }

            int found = index.Search(vectors.AsSpan(row * dimension, dimension), RowFilter.None, hosts);
            foreach (Candidate host in hosts.AsSpan(0, found))
            {
                TensorPrimitives.Add(place, layout.AsSpan(2 * host.Row, 2), place);
            }

            TensorPrimitives.Divide(place, found, place);
            (double sin, double cos) = Math.SinCos(random.NextDouble() * Math.Tau);
            float far = Apart * MathF.Sqrt(random.NextSingle());
            (place[0], place[1]) = (Math.Clamp(place[0] + far * (float)cos, -1, 1), Math.Clamp(place[1] + far * (float)sin, -1, 1));
        }

        return places;
    }
}
