using System.Numerics.Tensors;
using ScottPlot;
using ScottPlot.Plottables;

namespace NanoRecSys.Training.Indexing.Ann;

/// <summary>Builds indexes of all kinds over the same vectors and measures recall, latency, memory and build time of each.</summary>
internal static class AnnBenchmarkStep
{
    private const int K = 100;

    public static Task<AnnReport> RunAsync(AnnOptions options, StepContext context)
    {
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
            context.Progress.Report(new ProgressEvent { Fraction = (double)i / grid.Length, Message = $"{grid[i].Shape} over {rows:N0} x {dimension}" });
            Measure(grid[i].Shape, grid[i].Widths, exact, recall, options, context, measurements);
            AnnReportFiles.Write(options.Output, report); // after each measurement, so that an interrupted run keeps its results
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
        SearchWidth? search = SearchWidth.Of(index);
        foreach (int width in widths.Where(width => width <= (search?.Most ?? 0)))
        {
            search?.Set(width);
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
                engine, shape.ToString(), width, recall.Measure(searched, 10), recall.Measure(searched), recall.MeasureLatency(searched), bytes / 1e6, seconds);
        }
    }

    // The library reads the same index, so only the search differs.
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
            (ReadOnlyMemory<float> vectors, int dimension, _) = NpyFile.Map(path);
            FiniteRows.Require(vectors.Span, dimension, path);
            return vectors.Length / dimension >= 1000 ? (vectors, dimension) : throw new UserErrorException($"{path} has {vectors.Length / dimension} rows; fewer than 1,000 are too few. Use 'expand'.");
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OverflowException)
        {
            throw new UserErrorException($"The vectors cannot be read: {e.Message} Run 'export' first, or name a float32 .npy file with --vectors.", e);
        }
    }
}

internal sealed record AnnOptions
{
    /// <summary>Kinds and sizes of the original's ablation.</summary>
    public const string Ablation = "ablation";

    /// <summary>Kinds and sizes for a million rows and more.</summary>
    public const string Scale = "scale";

    /// <summary>[rows, D] as <c>.npy</c>; null: the exported item embeddings.</summary>
    public string? Vectors { get; init; }
    public required string Output { get; init; }
    public string Grid { get; init; } = Ablation;

    /// <summary>Kinds of the grid to build, of <see cref="IndexKinds.All"/>.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = IndexKinds.All;
    public int Queries { get; init; } = 200;

    /// <summary>Whether the FAISS library searches the same files in the same run.</summary>
    public bool WithFaiss { get; init; } = true;
}

/// <summary>The indexes to build, and the search widths of each.</summary>
internal static class AnnGrid
{
    private static readonly int[] Probes = [1, 2, 4, 8, 16, 32, 64, 128];
    private static readonly int[] ScaleProbes = [1, 2, 5, 10, 20, 50, 100];
    private static readonly int[] Lists = [256, 512, 1024];
    private static readonly int[] Parts = [32, 64];
    private static readonly int[] Breadths = [100, 150, 200, 300, 400, 600, 800];

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

    // 32, or the largest smaller number that divides the vector into equal parts.
    private static int MostParts(int dimension) => Enumerable.Range(1, 32).Last(parts => dimension % parts == 0);
}

/// <param name="RecallAt10">Share of the exact ten among the first ten of a hundred results.</param>
/// <param name="Ms">Milliseconds of a query for a hundred results, one thread.</param>
/// <param name="MemoryMb">Megabytes (10^6 bytes) in memory; for FAISS, which does not report it, the size of the file.</param>
/// <param name="BuildSeconds">Our build time, with all threads.</param>
internal sealed record AnnMeasurement(
    string Engine, string Index, int Width, double RecallAt10, double RecallAt100, double Ms, double MemoryMb, double BuildSeconds);

internal sealed record AnnReport(string Vectors, int Rows, int Dimension, int Queries, IReadOnlyList<AnnMeasurement> Measurements);

/// <summary>Queries for vectors without users: rows plus noise of <see cref="Noise"/> times their length, since a user's taste is near some items.</summary>
internal static class AnnQueries
{
    public const float Noise = 0.5f;

    /// <returns>[count, dimension], rows of length 1.</returns>
    public static float[] Draw(ReadOnlyMemory<float> vectors, int dimension, int count, int seed)
    {
        var random = new Random(seed);
        float[] queries = RowSample.Gather(vectors, RowSample.Draw(vectors.Length / dimension, count, seed), dimension);
        var noise = new float[dimension];
        for (int start = 0; start < queries.Length; start += dimension)
        {
            Span<float> query = queries.AsSpan(start, dimension);
            Gaussian.Fill(noise, random);
            float scale = Noise * TensorPrimitives.Norm<float>(query) / TensorPrimitives.Norm<float>(noise);
            TensorPrimitives.MultiplyAdd(noise, scale, query, query);
            float norm = TensorPrimitives.Norm<float>(query);
            TensorPrimitives.Divide(query, norm > 0 ? norm : 1, query);
        }

        return queries;
    }
}

/// <summary>Recall against latency, a line per index and engine: further left and higher is better.</summary>
internal static class AnnPlot
{
    public const string FileName = "recall-latency.png";

    private const int Width = 1000;
    private const int Height = 700;

    public static void Save(string folder, AnnReport report)
    {
        using var plot = new Plot();
        plot.Title($"{report.Rows:N0} x {report.Dimension}: recall@100 against latency, one thread");
        plot.XLabel("log10 of milliseconds per query");
        plot.YLabel("recall@100");
        foreach (IGrouping<(string Index, string Engine), AnnMeasurement> line in report.Measurements.GroupBy(m => (m.Index, m.Engine)))
        {
            Scatter scatter = plot.Add.Scatter(
                [.. line.Select(m => Math.Log10(Math.Max(m.Ms, 1e-4)))], (double[])[.. line.Select(m => m.RecallAt100)]);
            scatter.LegendText = $"{line.Key.Index} {line.Key.Engine}";
            scatter.LinePattern = line.Key.Engine == IndexEngines.Managed ? LinePattern.Solid : LinePattern.Dashed;
        }

        plot.ShowLegend(Alignment.LowerRight);
        plot.SavePng(Path.Combine(folder, FileName), Width, Height);
    }
}

/// <summary>A report as <c>ann.json</c>, <c>ann.csv</c>, a table for documents (<c>ann.md</c>) and plots.</summary>
internal static class AnnReportFiles
{
    public static void Write(string folder, AnnReport report)
    {
        TrainingJson.Write(Path.Combine(folder, "ann.json"), report);
        File.WriteAllText(Path.Combine(folder, "ann.csv"), Csv(report));
        File.WriteAllText(Path.Combine(folder, "ann.md"), Markdown(report));
        AnnPlot.Save(folder, report);
    }

    public static string Csv(AnnReport report) =>
        "engine,index,width,recall@10,recall@100,ms,memory_mb,build_s\n" + string.Concat(report.Measurements.Select(m =>
            $"{m.Engine},\"{m.Index}\",{m.Width},{m.RecallAt10:F4},{m.RecallAt100:F4},{m.Ms:F4},{m.MemoryMb:F1},{m.BuildSeconds:F1}\n"));

    public static string Markdown(AnnReport report) =>
        "| index | width | engine | recall@10 | recall@100 | ms | MB | build s |\n|---|---|---|---|---|---|---|---|\n" + string.Concat(report.Measurements.Select(m =>
            $"| {m.Index} | {m.Width} | {m.Engine} | {m.RecallAt10:F3} | {m.RecallAt100:F3} | {m.Ms:F3} | {m.MemoryMb:F0} | {m.BuildSeconds:F1} |\n"));
}
