using System.Numerics.Tensors;

namespace NanoRecSys.Training.Indexing;

/// <param name="Source">[rows, D] as <c>.npy</c>; null: the exported item embeddings.</param>
internal sealed record ExpandOptions(long Rows, string Output, string? Source = null);

internal sealed record ExpandSummary(string Path, long Rows, int Dimension, long Bytes);

internal static class ExpandStep
{
    public static Task<ExpandSummary> RunAsync(ExpandOptions options, StepContext context)
    {
        string source = options.Source ?? Path.Combine(context.Workspace.ExportFolder, ArtifactNames.ItemEmbeddings);
        float[] values;
        int dimension;
        try
        {
            (values, dimension) = NpyFile.Read(source);
            FiniteRows.Require(values, dimension, source);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new UserErrorException($"The embeddings cannot be read: {e.Message} Run 'export' first, or name a float32 .npy file with --vectors.", e);
        }

        UserErrorException.ThrowIf(values.Length == 0, $"{source} has no rows to make others from.");

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Output))!);
        var control = new BuildControl(
            (int)context.Seed, context.Threads, share => context.Progress.Report(new ProgressEvent { Fraction = share }), context.Cancellation);
        EmbeddingExpansion.Write(values, dimension, options.Rows, options.Output, control);
        return Task.FromResult(new ExpandSummary(options.Output, options.Rows, dimension, new FileInfo(options.Output).Length));
    }
}

/// <summary>Generates many rows similar to the given ones: each is a row drawn at random, plus noise in every dimension, shrunk towards the
/// mean so that the mean and variance of every dimension are preserved.</summary>
internal static class EmbeddingExpansion
{
    /// <summary>Standard deviation of the noise, relative to the dimension's: neighbors stay near without being copies.</summary>
    public const float Noise = 0.5f;

    private const int Chunk = 4096; // rows in memory at once

    /// <param name="source">[rows, dimension]</param>
    /// <param name="path">The <c>.npy</c> file to write; never entirely in memory.</param>
    public static void Write(ReadOnlyMemory<float> source, int dimension, long rows, string path, BuildControl control)
    {
        (float[] mean, float[] deviation) = Moments(source.Span, dimension);
        float back = 1 / MathF.Sqrt(1 + Noise * Noise);
        NpyFile.Write(path, rows, dimension, stream =>
        {
            var random = new Random(control.Seed);
            var chunk = new float[Chunk * dimension];
            var noise = new float[dimension];
            for (long done = 0; done < rows; done += Chunk)
            {
                control.Cancellation.ThrowIfCancellationRequested();
                int count = (int)Math.Min(Chunk, rows - done);
                for (int i = 0; i < count; i++)
                {
                    int row = random.Next(source.Length / dimension);
                    Span<float> made = chunk.AsSpan(i * dimension, dimension);
                    Gaussian.Fill(noise, random);
                    TensorPrimitives.Multiply(noise, Noise, noise);
                    TensorPrimitives.Multiply(noise, deviation, noise);
                    TensorPrimitives.Subtract(source.Span.Slice(row * dimension, dimension), mean, made);
                    TensorPrimitives.Add(made, noise, made);
                    TensorPrimitives.MultiplyAdd(made, back, mean, made);
                }

                stream.Write(MemoryMarshal.AsBytes(chunk.AsSpan(0, count * dimension)));
                control.Progress?.Invoke((double)(done + count) / rows);
            }
        });
    }

    public static (float[] Mean, float[] Deviation) Moments(ReadOnlySpan<float> rows, int dimension)
    {
        var sums = new double[dimension];
        var squares = new double[dimension];
        for (int i = 0; i < rows.Length; i++)
        {
            sums[i % dimension] += rows[i];
            squares[i % dimension] += (double)rows[i] * rows[i];
        }

        double count = Math.Max(1, rows.Length / dimension);
        double[] mean = [.. sums.Select(sum => sum / count)];
        return ([.. mean.Select(value => (float)value)], [.. squares.Select((square, d) => (float)Math.Sqrt(Math.Max(0, square / count - mean[d] * mean[d])))]);
    }
}

/// <summary>Samples of the standard normal distribution (Box and Muller, 1958).</summary>
internal static class Gaussian
{
    public static void Fill(Span<float> values, Random random)
    {
        for (int i = 0; i < values.Length; i += 2)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            (double sin, double cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(radius * cos);
            if (i + 1 < values.Length)
            {
                values[i + 1] = (float)(radius * sin);
            }
        }
    }
}
