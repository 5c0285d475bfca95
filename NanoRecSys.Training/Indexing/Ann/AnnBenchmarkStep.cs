using System.Diagnostics;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Retrieval.Hnsw;
using NanoRecSys.Core.Retrieval.Native;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Indexing.Ann;

/// <summary>Builds indexes of all kinds over the same vectors and measures recall, latency, memory and build time of each.</summary>
public static class AnnBenchmarkStep
{
    private const int K = 100;

    /// <exception cref="UserErrorException">The vectors cannot be read, or there are too few.</exception>
    public static Task<AnnReport> RunAsync(AnnOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string path = options.Vectors ?? Path.Combine(context.Workspace.ExportFolder, ArtifactNames.ItemEmbeddings);
        (ReadOnlyMemory<float> vectors, int dimension) = ReadVectors(path);
        int rows = vectors.Length / dimension;
        float[] queries = AnnQueries.Draw(vectors, dimension, options.Queries, (int)context.Seed);
        var exact = new FlatIndex(vectors, dimension);
        var recall = new IndexRecall(queries, exact, K);
        Directory.CreateDirectory(options.Output);

        var measurements = new List<AnnMeasurement>();
        (IndexShape Shape, IReadOnlyList<int> Widths)[] grid
            = [.. AnnGrid.Of(options.Grid, dimension).Where(entry => options.Kinds.Contains(entry.Shape.Kind) && entry.Shape.Lists <= rows / 4)];
        var report = new AnnReport(Path.GetFileName(path), rows, dimension, queries.Length / dimension, measurements);
        for (int i = 0; i < grid.Length; i++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            context.Progress.Report(new StepProgress { Fraction = (double)i / grid.Length, Message = $"{grid[i].Shape} over {rows:N0} x {dimension}" });
            Measure(grid[i].Shape, grid[i].Widths, exact, recall, options, context, measurements);
            AnnReportFiles.Write(options.Output, report); // after each: a long run that is stopped leaves what it has
        }

        return Task.FromResult(report);
    }

    private static void Measure(
        IndexShape shape, IReadOnlyList<int> widths, FlatIndex exact, IndexRecall recall, AnnOptions options, StepContext context, List<AnnMeasurement> measurements)
    {
        long started = Stopwatch.GetTimestamp();
        IVectorIndex index = IndexBuilder.Build(
            exact.Rows, exact.Dimension, shape, exact.Metric, new BuildControl((int)context.Seed, context.Threads, Cancellation: context.Cancellation));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        using NativeIndex? native = options.WithFaiss && FaissLibrary.IsAvailable ? OpenNative(index, options.Output) : null;
        foreach (int width in widths.Where(width => width == 0 || width <= SearchWidth.Most(index)))
        {
            SearchWidth.Set(index, width);
            measurements.Add(Row(IndexEngines.Managed, index, index.Memory));
            if (native is not null)
            {
                if (width > 0)
                {
                    native.Set(index is HnswIndex ? "efSearch" : "nprobe", width);
                }

                measurements.Add(Row($"{IndexEngines.Faiss} {FaissLibrary.Version}", native, native.Memory));
            }

            AnnMeasurement Row(string engine, IVectorIndex searched, long bytes) => new(
                engine, shape.Factory, width, recall.Measure(searched, 10), recall.Measure(searched), recall.MeasureLatency(searched), bytes / 1e6, seconds);
        }
    }

    // The library reads the very index that we built: what differs is the search alone.
    private static NativeIndex OpenNative(IVectorIndex index, string folder)
    {
        string path = Path.Combine(folder, "compared.index");
        FaissFile.Write(path, index);
        NativeIndex native = NativeIndex.Read(path);
        File.Delete(path);
        return native;
    }

    private static (ReadOnlyMemory<float> Vectors, int Dimension) ReadVectors(string path)
    {
        try
        {
            (ReadOnlyMemory<float> vectors, int dimension) = NpyFile.Map(path);
            FiniteRows.Require(vectors.Span, dimension, path);
            return vectors.Length / dimension >= 1000 ? (vectors, dimension) : throw new UserErrorException($"{path} has {vectors.Length / dimension} rows; fewer than 1,000 tell nothing. Use 'expand'.");
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OverflowException)
        {
            throw new UserErrorException($"The vectors cannot be read: {e.Message} Run 'export' first, or name a float32 .npy file with --vectors.", e);
        }
    }
}
