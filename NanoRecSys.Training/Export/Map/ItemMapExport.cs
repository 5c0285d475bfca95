using System.Numerics.Tensors;

namespace NanoRecSys.Training.Export.Map;

/// <summary>The map of a version's item embeddings, for people to look at; serving does not use it. Well-known items are laid out by their
/// neighbors among each other; the others, whose embeddings are mostly noise, join the ones they are nearest to. Laying out all items alike gave
/// a single cloud (4% of the nearest ten kept on the sample).</summary>
internal static class ItemMapExport
{
    private const int Neighbours = 10;
    private const int Hosts = 3; // well-known items that determine the place of another
    private const int KnownFrom = 10; // interactions
    private const int LeastKnown = 200; // items; with fewer, all of them are laid out

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
        int[][] neighbours = NeighboursOfEach(new FlatIndex(knownVectors, dimension), context);
        float[] layout = NeighbourLayout.Arrange(
            PrincipalPlane.Project(knownVectors, dimension, random), neighbours, random,
            share => context.Progress.Report(new ProgressEvent { Fraction = 0.6 + 0.35 * share, Detail = "item map" }), context.Cancellation); // [N, 2]

        float[] places = Join(vectors, new FlatIndex(knownVectors, dimension), layout, known, random); // [V, 2]
        await ItemPlaneFile.WriteAsync(Path.Combine(folder, ArtifactNames.ItemMap), places, context.Cancellation);
        int[][] seen = NeighboursOfEach(new FlatIndex(layout, 2, VectorMetric.L2), context);
        double kept = neighbours.Zip(seen, (nearest, drawn) => nearest.Intersect(drawn).Count() / (double)Neighbours).DefaultIfEmpty().Average();
        return new ItemMapInfo(ArtifactNames.ItemMap, "neighbours", kept);
    }

    /// <returns>[V][K] rows, the nearest first, never the row itself.</returns>
    private static int[][] NeighboursOfEach(FlatIndex index, StepContext context)
    {
        var neighbours = new int[index.Count][];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = context.Threads, CancellationToken = context.Cancellation };
        Parallel.For(0, index.Count, parallel, row =>
        {
            var found = new Candidate[Math.Min(Neighbours + 1, index.Count)]; // The row finds itself, too.
            int count = index.Search(index.Vectors.Slice(row * index.Dimension, index.Dimension), RowFilter.None, found);
            neighbours[row] = [.. found[..count].Select(candidate => candidate.Row).Where(other => other != row).Take(Neighbours)];
        });
        return neighbours;
    }

    // Next to the center of its nearest well-known items, so that items with the same hosts do not overlap.
    private static float[] Join(float[] vectors, FlatIndex index, float[] layout, int[] known, Random random)
    {
        const float Apart = 0.03f; // relative to half the map
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

/// <summary>Lays out items on a plane so that neighbors are close: each is pulled towards its neighbors and pushed from random others, as in UMAP
/// (McInnes et al., 2018), with t-SNE's kernel 1 / (1 + d^2), which needs no powers.</summary>
internal static class NeighbourLayout
{
    private const int Epochs = 400;
    private const int PushesPerPull = 5;

    // Share of the nearest ten preserved on the sample: .15 with UMAP's 1, .23 with 5, .28 with 20, .30 with 30.
    private const float PushStrength = 30;
    private const float LongestStep = 4; // of one pull or push, in units of the kernel
    private const float StartSpan = 10; // extent of the initial layout

    /// <param name="start">[V, 2] initial layout; its broad shape survives.</param>
    /// <param name="neighbours">[V][K].</param>
    /// <returns>[V, 2] within -1..1.</returns>
    public static float[] Arrange(float[] start, int[][] neighbours, Random random, Action<double> report, CancellationToken cancellation)
    {
        float[] places = Fit(start, StartSpan);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            cancellation.ThrowIfCancellationRequested();
            float rate = 1 - (float)epoch / Epochs;
            for (int item = 0; item < neighbours.Length; item++)
            {
                foreach (int neighbour in neighbours[item])
                {
                    Pull(places, item, neighbour, rate);
                    for (int push = 0; push < PushesPerPull; push++)
                    {
                        Push(places, item, random.Next(neighbours.Length), rate);
                    }
                }
            }

            report((epoch + 1.0) / Epochs);
        }

        return Fit(places, 1);
    }

    // Both move: being neighbors is mutual, whichever of the two found the other.
    private static void Pull(float[] places, int a, int b, float rate)
    {
        (float dx, float dy, float squared) = Between(places, a, b);
        float strength = -2 / (1 + squared);
        (float x, float y) = (Step(strength * dx) * rate, Step(strength * dy) * rate);
        places[2 * a] += x;
        places[2 * a + 1] += y;
        places[2 * b] -= x;
        places[2 * b + 1] -= y;
    }

    private static void Push(float[] places, int item, int other, float rate)
    {
        (float dx, float dy, float squared) = Between(places, item, other);
        float strength = 2 * PushStrength / ((0.001f + squared) * (1 + squared)); // 0.001: UMAP's guard against coinciding items
        places[2 * item] += Step(strength * dx) * rate;
        places[2 * item + 1] += Step(strength * dy) * rate;
    }

    private static (float Dx, float Dy, float Squared) Between(float[] places, int a, int b)
    {
        float dx = places[2 * a] - places[2 * b], dy = places[2 * a + 1] - places[2 * b + 1];
        return (dx, dy, dx * dx + dy * dy);
    }

    private static float Step(float gradient) => Math.Clamp(gradient, -LongestStep, LongestStep);

    /// <summary>Translates and scales uniformly, so that the longer side spans -span..span.</summary>
    private static float[] Fit(float[] places, float span)
    {
        (float left, float right) = Range(places, 0);
        (float bottom, float top) = Range(places, 1);
        float scale = 2 * span / Math.Max(Math.Max(right - left, top - bottom), float.Epsilon);
        float[] fitted = [.. places];
        for (int i = 0; i < fitted.Length; i += 2)
        {
            fitted[i] = Math.Clamp((fitted[i] - (left + right) / 2) * scale, -span, span);
            fitted[i + 1] = Math.Clamp((fitted[i + 1] - (bottom + top) / 2) * scale, -span, span);
        }

        return fitted;
    }

    private static (float Min, float Max) Range(float[] places, int axis)
    {
        float min = float.MaxValue, max = float.MinValue;
        for (int i = axis; i < places.Length; i += 2)
        {
            (min, max) = (Math.Min(min, places[i]), Math.Max(max, places[i]));
        }

        return (min, max);
    }
}

/// <summary>Projects vectors on their first two principal components.</summary>
internal static class PrincipalPlane
{
    // An initial layout need not be exact; the directions converge long before.
    private const int Rounds = 60;

    /// <param name="vectors">[V, D], row-major.</param>
    /// <param name="dimension">D, at least 2.</param>
    /// <returns>[V, 2], row-major, around 0.</returns>
    public static float[] Project(ReadOnlySpan<float> vectors, int dimension, Random random)
    {
        int count = vectors.Length / dimension;
        float[] mean = Mean(vectors, dimension);
        var centred = new float[vectors.Length]; // [V, D]
        for (int i = 0; i < count; i++)
        {
            TensorPrimitives.Subtract(vectors.Slice(i * dimension, dimension), mean, centred.AsSpan(i * dimension, dimension));
        }

        float[] first = Direction(centred, dimension, random, without: null); // [D]
        float[] second = Direction(centred, dimension, random, without: first); // [D]
        var places = new float[2 * count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<float> row = centred.AsSpan(i * dimension, dimension);
            places[2 * i] = TensorPrimitives.Dot(row, first);
            places[2 * i + 1] = TensorPrimitives.Dot(row, second);
        }

        return places;
    }

    // Power iteration on the covariance, which is never computed: X^T (X v).
    private static float[] Direction(float[] centred, int dimension, Random random, float[]? without)
    {
        float[] direction = [.. Enumerable.Range(0, dimension).Select(_ => random.NextSingle() - 0.5f)];
        var next = new float[dimension];
        for (int round = 0; round < Rounds; round++)
        {
            Array.Clear(next);
            for (int start = 0; start < centred.Length; start += dimension)
            {
                ReadOnlySpan<float> row = centred.AsSpan(start, dimension);
                TensorPrimitives.MultiplyAdd(row, TensorPrimitives.Dot(row, direction), next, next);
            }

            if (without is not null)
            {
                TensorPrimitives.MultiplyAdd(without, -TensorPrimitives.Dot<float>(next, without), next, next);
            }

            float length = TensorPrimitives.Norm<float>(next);
            if (length == 0)
            {
                return next; // All vectors are equal: any direction will do.
            }

            TensorPrimitives.Divide(next, length, direction);
        }

        return direction;
    }

    private static float[] Mean(ReadOnlySpan<float> vectors, int dimension)
    {
        var mean = new float[dimension];
        for (int start = 0; start < vectors.Length; start += dimension)
        {
            TensorPrimitives.Add(mean, vectors.Slice(start, dimension), mean);
        }

        TensorPrimitives.Divide(mean, Math.Max(1, vectors.Length / dimension), mean);
        return mean;
    }
}
