using System.Numerics.Tensors;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Retrieval.Ivf;

namespace NanoRecSys.Training.Indexing;

/// <summary>Builds the kinds of index that keep rows in lists.</summary>
public static class IvfBuilder
{
    /// <summary>Rounds of k-means for the centroids of lists, as many as FAISS does.</summary>
    public const int Iterations = 10;

    private const double TrainedShare = 0.6; // of the time, about

    /// <param name="vectors">[rows, dimension]; kept by ivf-flat.</param>
    /// <param name="dimension">D</param>
    /// <param name="shape">Kind, lists, parts.</param>
    /// <param name="metric">How rows compare.</param>
    /// <param name="control">Seed, threads, progress.</param>
    public static IvfIndex Build(ReadOnlyMemory<float> vectors, int dimension, IndexShape shape, VectorMetric metric, BuildControl control)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(control);
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
        // Ranges of a sample: what lies outside of them is clamped, and so do not let one row widen all steps.
        ScalarQuantizer quantizer = ScalarQuantizer.Train(rests.Sample(ProductQuantizerTrainer.MostRows, control.Seed), centroids.Dimension);
        return new IvfScalarIndex(centroids, lists, quantizer, byResidual: true, (position, code) =>
        {
            Span<float> rest = stackalloc float[centroids.Dimension];
            rests.Read(lists.Ids[position], rest);
            quantizer.Encode(rest, code);
        });
    }

    private static IvfProductIndex BuildProduct(FlatIndex centroids, InvertedLists lists, Rests rests, int parts, BuildControl control)
    {
        float[] sample = rests.Sample(ProductQuantizerTrainer.MostRows, control.Seed);
        ProductQuantizer quantizer = ProductQuantizerTrainer.Train(sample, centroids.Dimension, parts, control);
        return new IvfProductIndex(centroids, lists, quantizer, byResidual: true, (position, code) =>
        {
            Span<float> rest = stackalloc float[centroids.Dimension];
            rests.Read(lists.Ids[position], rest);
            quantizer.Encode(rest, code);
        });
    }

    /// <summary>What of each row its list's centroid does not tell.</summary>
    private sealed class Rests(ReadOnlyMemory<float> vectors, float[] centroids, int[] listOfRow, int dimension)
    {
        public void Read(int row, Span<float> rest) => TensorPrimitives.Subtract(
            vectors.Span.Slice(row * dimension, dimension), centroids.AsSpan(listOfRow[row] * dimension, dimension), rest);

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
