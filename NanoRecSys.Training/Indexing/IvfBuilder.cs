using System.Numerics.Tensors;

namespace NanoRecSys.Training.Indexing;

internal static class IvfBuilder
{
    /// <summary>Rounds of k-means for the centroids of lists, as in FAISS.</summary>
    public const int Iterations = 10;

    private const double TrainedShare = 0.6; // approximate share of the time

    /// <param name="vectors">[rows, dimension]; kept by ivf-flat.</param>
    public static IvfIndex Build(ReadOnlyMemory<float> vectors, int dimension, IndexShape shape, VectorMetric metric, BuildControl control)
    {
        float[] centroids = KMeans.Train(vectors, dimension, shape.Lists, metric, Iterations, control.Part(0, TrainedShare));
        int[] listOfRow = KMeans.Assign(vectors, centroids, dimension, metric, control.Part(TrainedShare, 0.9));
        int alignment = shape.Kind == IndexKinds.IvfProduct ? IvfProductIndex.ListAlignment : IvfFlatIndex.ListAlignment;
        InvertedLists lists = InvertedLists.FromAssignment(listOfRow, shape.Lists, alignment);
        var quantizer = new FlatIndex(centroids, dimension, metric);
        var rests = new Rests(vectors, centroids, listOfRow, dimension);
        return shape.Kind switch
        {
            IndexKinds.IvfFlat => new IvfFlatIndex(quantizer, lists, vectors),
            IndexKinds.IvfScalar => BuildScalar(quantizer, lists, rests, control),
            IndexKinds.IvfProduct => BuildProduct(quantizer, lists, rests, shape.Parts, control.Part(0.9, 1)),
            _ => throw new ArgumentException($"'{shape.Kind}' has no lists.", nameof(shape)),
        };
    }

    private static IvfScalarIndex BuildScalar(FlatIndex centroids, InvertedLists lists, Rests rests, BuildControl control)
    {
        // Ranges of a sample; values outside are clamped, so that a single row cannot widen all steps.
        ScalarQuantizer quantizer = ScalarQuantizer.Train(rests.Sample(ProductQuantizerTrainer.MostRows, control.Seed), centroids.Dimension);
        return new IvfScalarIndex(centroids, lists, quantizer, byResidual: true, rests.Encoder(lists, quantizer.Encode));
    }

    private static IvfProductIndex BuildProduct(FlatIndex centroids, InvertedLists lists, Rests rests, int parts, BuildControl control)
    {
        float[] sample = rests.Sample(ProductQuantizerTrainer.MostRows, control.Seed);
        ProductQuantizer quantizer = ProductQuantizerTrainer.Train(sample, centroids.Dimension, parts, control);
        return new IvfProductIndex(centroids, lists, quantizer, byResidual: true, rests.Encoder(lists, quantizer.Encode));
    }

    /// <summary>The residual of each row: the row minus its list's centroid.</summary>
    private sealed class Rests(ReadOnlyMemory<float> vectors, float[] centroids, int[] listOfRow, int dimension)
    {
        public void Read(int row, Span<float> rest) => TensorPrimitives.Subtract(
            vectors.Span.Slice(row * dimension, dimension), centroids.AsSpan(listOfRow[row] * dimension, dimension), rest);

        public PositionCode Encoder(InvertedLists lists, Action<ReadOnlySpan<float>, Span<byte>> encode) => (position, code) =>
        {
            Span<float> rest = stackalloc float[dimension];
            Read(lists.Ids[position], rest);
            encode(rest, code);
        };

        public float[] Sample(int count, int seed)
        {
            int[] rows = RowSample.Draw(listOfRow.Length, count, seed + 3);
            var sample = new float[rows.Length * dimension];
            for (int i = 0; i < rows.Length; i++)
            {
                Read(rows[i], sample.AsSpan(i * dimension, dimension));
            }

            return sample;
        }
    }
}

/// <summary>Lloyd's k-means. Starts from a sample of the rows; a centroid that loses all rows takes half of the largest cluster. By inner product,
/// it is spherical: centroids have length 1.</summary>
internal static class KMeans
{
    /// <summary>Rows used per centroid; FAISS uses at most 256, and warns below 39.</summary>
    public const int RowsPerCentroid = 64;

    private const int Chunk = 256; // rows per task
    private const float Split = 1f / 1024; // initial distance of the halves of a split cluster

    /// <param name="vectors">[rows, dimension]</param>
    /// <returns>[clusters, dimension]</returns>
    public static float[] Train(ReadOnlyMemory<float> vectors, int dimension, int clusters, VectorMetric metric, int iterations, BuildControl control)
    {
        int all = vectors.Length / dimension;
        int[] sample = RowSample.Draw(all, (int)Math.Min(all, (long)clusters * RowsPerCentroid), control.Seed);
        float[] rows = RowSample.Gather(vectors, sample, dimension); // [n, D]
        var random = new Random(control.Seed + 1);
        float[] centroids = RowSample.Gather(rows, RowSample.Shuffle(sample.Length, clusters, random), dimension);
        int[] before = [];
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            int[] assigned = Assign(rows, centroids, dimension, metric, control with { Progress = null });
            if (assigned.AsSpan().SequenceEqual(before))
            {
                break;
            }

            Update(rows, assigned, centroids, dimension, metric, random, control);
            before = assigned;
            control.Progress?.Invoke((iteration + 1.0) / iterations);
        }

        return centroids;
    }

    /// <param name="vectors">[rows, dimension]</param>
    /// <param name="centroids">[clusters, dimension]</param>
    /// <returns>[rows] the nearest centroid of each; 0 for rows that are not numbers.</returns>
    public static int[] Assign(ReadOnlyMemory<float> vectors, float[] centroids, int dimension, VectorMetric metric, BuildControl control)
    {
        var index = new FlatIndex(centroids, dimension, metric);
        var assigned = new int[vectors.Length / dimension];
        int chunks = (assigned.Length + Chunk - 1) / Chunk;
        int done = 0;
        Parallel.For(0, chunks, control.Parallel, chunk =>
        {
            Span<Candidate> nearest = stackalloc Candidate[1];
            for (int row = chunk * Chunk; row < Math.Min(assigned.Length, (chunk + 1) * Chunk); row++)
            {
                assigned[row] = index.Search(vectors.Span.Slice(row * dimension, dimension), RowFilter.None, nearest) > 0 ? nearest[0].Row : 0;
            }

            control.Progress?.Invoke((double)Interlocked.Increment(ref done) / chunks);
        });
        return assigned;
    }

    // One thread adds each centroid's rows in order, so the sums are the same on any number of threads.
    private static void Update(float[] rows, int[] assigned, float[] centroids, int dimension, VectorMetric metric, Random random, BuildControl control)
    {
        int clusters = centroids.Length / dimension;
        InvertedLists lists = InvertedLists.FromAssignment(assigned, clusters, alignment: 1);
        Parallel.For(0, clusters, control.Parallel, cluster =>
        {
            if (lists.Size(cluster) > 0)
            {
                Span<float> centroid = centroids.AsSpan(cluster * dimension, dimension);
                centroid.Clear();
                foreach (int row in lists.Ids.Slice(lists.Start(cluster), lists.Size(cluster)))
                {
                    TensorPrimitives.Add(centroid, rows.AsSpan(row * dimension, dimension), centroid);
                }

                TensorPrimitives.Divide(centroid, lists.Size(cluster), centroid);
                Normalize(centroid, metric);
            }
        });
        FillEmpty(lists, centroids, dimension, metric, random);
    }

    private static void FillEmpty(InvertedLists lists, float[] centroids, int dimension, VectorMetric metric, Random random)
    {
        int[] sizes = [.. Enumerable.Range(0, lists.Count).Select(lists.Size)];
        for (int cluster = 0; cluster < sizes.Length; cluster++)
        {
            if (sizes[cluster] > 0)
            {
                continue;
            }

            int largest = Array.IndexOf(sizes, sizes.Max());
            Span<float> old = centroids.AsSpan(largest * dimension, dimension);
            Span<float> added = centroids.AsSpan(cluster * dimension, dimension);
            for (int d = 0; d < dimension; d++)
            {
                float step = random.Next(2) == 0 ? 1 + Split : 1 - Split;
                (old[d], added[d]) = (old[d] * step, old[d] * (2 - step));
            }

            Normalize(old, metric);
            Normalize(added, metric);
            (sizes[cluster], sizes[largest]) = (sizes[largest] / 2, sizes[largest] - sizes[largest] / 2);
        }
    }

    private static void Normalize(Span<float> centroid, VectorMetric metric)
    {
        float norm = metric == VectorMetric.InnerProduct ? TensorPrimitives.Norm<float>(centroid) : 0;
        if (norm > 0)
        {
            TensorPrimitives.Divide(centroid, norm, centroid);
        }
    }
}

/// <summary>k-means in every part of the vectors: 256 centroids each.</summary>
internal static class ProductQuantizerTrainer
{
    private const int RowsPerCentroid = 128;
    private const int Iterations = 16;
    private const int Chunk = 256; // rows per task

    /// <summary>Maximum number of rows used.</summary>
    public static int MostRows => RowsPerCentroid * ProductQuantizer.Centroids;

    /// <param name="rows">[n, dimension], at least 256 rows.</param>
    /// <param name="dimension">D, a multiple of <paramref name="parts"/>.</param>
    public static ProductQuantizer Train(float[] rows, int dimension, int parts, BuildControl control)
    {
        int count = rows.Length / dimension;
        var random = new Random(control.Seed + 2);
        ProductQuantizer quantizer = Start(rows, dimension, parts, random);
        var codes = new byte[count * parts]; // [n, M]
        for (int iteration = 0; iteration < Iterations; iteration++)
        {
            Encode(quantizer, rows, codes, control);
            float[] codebooks = quantizer.Codebooks;
            Parallel.For(0, parts, control.Parallel, part => Update(rows, codes, codebooks, quantizer, part, new Random(control.Seed + part)));
            quantizer = new ProductQuantizer(dimension, parts, codebooks);
            control.Progress?.Invoke((iteration + 1.0) / Iterations);
        }

        return quantizer;
    }

    private static void Encode(ProductQuantizer quantizer, float[] rows, byte[] codes, BuildControl control)
    {
        int count = codes.Length / quantizer.Parts;
        Parallel.For(0, (count + Chunk - 1) / Chunk, control.Parallel, chunk =>
        {
            for (int row = chunk * Chunk; row < Math.Min(count, (chunk + 1) * Chunk); row++)
            {
                quantizer.Encode(rows.AsSpan(row * quantizer.Dimension, quantizer.Dimension), codes.AsSpan(row * quantizer.Parts, quantizer.Parts));
            }
        });
    }

    private static ProductQuantizer Start(float[] rows, int dimension, int parts, Random random)
    {
        int width = dimension / parts;
        int[] order = RowSample.Shuffle(rows.Length / dimension, ProductQuantizer.Centroids, random);
        var codebooks = new float[ProductQuantizer.Centroids * dimension];
        for (int i = 0; i < parts * ProductQuantizer.Centroids; i++)
        {
            int row = order[i % ProductQuantizer.Centroids];
            rows.AsSpan(row * dimension + i / ProductQuantizer.Centroids * width, width).CopyTo(codebooks.AsSpan(i * width));
        }

        return new ProductQuantizer(dimension, parts, codebooks);
    }

    private static void Update(float[] rows, byte[] codes, float[] codebooks, ProductQuantizer quantizer, int part, Random random)
    {
        int count = codes.Length / quantizer.Parts;
        int width = quantizer.Width;
        Span<float> centroids = codebooks.AsSpan(part * ProductQuantizer.Centroids * width, ProductQuantizer.Centroids * width);
        var sums = new float[centroids.Length];
        var sizes = new int[ProductQuantizer.Centroids];
        for (int row = 0; row < count; row++)
        {
            int centroid = codes[row * quantizer.Parts + part];
            Span<float> sum = sums.AsSpan(centroid * width, width);
            TensorPrimitives.Add(sum, rows.AsSpan(row * quantizer.Dimension + part * width, width), sum);
            sizes[centroid]++;
        }

        for (int centroid = 0; centroid < sizes.Length; centroid++)
        {
            // A centroid without rows moves to a row; the next round assigns its neighborhood.
            ReadOnlySpan<float> target = sizes[centroid] > 0
                ? sums.AsSpan(centroid * width, width)
                : rows.AsSpan(random.Next(count) * quantizer.Dimension + part * width, width);
            TensorPrimitives.Divide(target, Math.Max(1, sizes[centroid]), centroids.Slice(centroid * width, width));
        }
    }
}
