using System.Numerics.Tensors;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Retrieval.Ivf;

namespace NanoRecSys.Training.Indexing;

/// <summary>
/// Lloyd's k-means. Started from a sample of the rows; a centroid that loses all rows takes half of the largest
/// cluster's. By inner product it is spherical: centroids have length 1.
/// </summary>
public static class KMeans
{
    /// <summary>Rows per centroid that it looks at; FAISS takes at most 256, and warns below 39.</summary>
    public const int RowsPerCentroid = 64;

    private const int Chunk = 256; // rows per task
    private const float Split = 1f / 1024; // how far the halves of a split cluster start apart

    /// <param name="vectors">[rows, dimension]</param>
    /// <param name="dimension">D</param>
    /// <param name="clusters">At most the number of rows.</param>
    /// <param name="metric">How rows choose a centroid.</param>
    /// <param name="iterations">At most; it ends earlier where no row moves.</param>
    /// <param name="control">Seed, threads, progress.</param>
    /// <returns>[clusters, dimension]</returns>
    public static float[] Train(ReadOnlyMemory<float> vectors, int dimension, int clusters, VectorMetric metric, int iterations, BuildControl control)
    {
        ArgumentNullException.ThrowIfNull(control);
        int all = vectors.Length / dimension;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(clusters, all);
        int[] sample = RowSample.Draw(all, (int)Math.Min(all, (long)clusters * RowsPerCentroid), control.Seed);
        float[] rows = RowSample.Gather(vectors, sample, dimension); // [n, D]
        var random = new Random(control.Seed + 1);
        float[] centroids = RowSample.Gather(rows, Shuffled(sample.Length, clusters, random), dimension);
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
    /// <param name="dimension">D</param>
    /// <param name="metric">How rows choose.</param>
    /// <param name="control">Threads, progress.</param>
    /// <returns>[rows] the nearest centroid of each; 0 for rows that are no numbers.</returns>
    public static int[] Assign(ReadOnlyMemory<float> vectors, float[] centroids, int dimension, VectorMetric metric, BuildControl control)
    {
        ArgumentNullException.ThrowIfNull(control);
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

    // Each centroid's rows are added by one thread in their order: the same sums on any number of threads.
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

    private static int[] Shuffled(int rows, int count, Random random)
    {
        int[] order = [.. Enumerable.Range(0, rows)];
        random.Shuffle(order);
        return order[..count];
    }
}
