using System.Numerics.Tensors;
using NanoRecSys.Core.Retrieval.Ivf;

namespace NanoRecSys.Training.Indexing;

/// <summary>k-means in every part of the vectors at once: 256 centroids for each.</summary>
public static class ProductQuantizerTrainer
{
    private const int RowsPerCentroid = 128;
    private const int Iterations = 16;
    private const int Chunk = 256; // rows per task

    /// <summary>Rows that it looks at, at most.</summary>
    public static int MostRows => RowsPerCentroid * ProductQuantizer.Centroids;

    /// <param name="rows">[n, dimension], at least 256 rows.</param>
    /// <param name="dimension">D, a multiple of <paramref name="parts"/>.</param>
    /// <param name="parts">M</param>
    /// <param name="control">Seed, threads, progress.</param>
    public static ProductQuantizer Train(float[] rows, int dimension, int parts, BuildControl control)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(control);
        int count = rows.Length / dimension;
        ArgumentOutOfRangeException.ThrowIfLessThan(count, ProductQuantizer.Centroids, nameof(rows));
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
        int[] order = [.. Enumerable.Range(0, rows.Length / dimension)];
        random.Shuffle(order);
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
            // A centroid without rows moves to a row; the next round gives it its neighbourhood.
            ReadOnlySpan<float> target = sizes[centroid] > 0
                ? sums.AsSpan(centroid * width, width)
                : rows.AsSpan(random.Next(count) * quantizer.Dimension + part * width, width);
            TensorPrimitives.Divide(target, Math.Max(1, sizes[centroid]), centroids.Slice(centroid * width, width));
        }
    }
}
