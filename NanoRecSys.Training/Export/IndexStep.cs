namespace NanoRecSys.Training.Export;

internal static class IndexStep
{
    private const int RecallQueries = 200;

    public static async Task<IndexInfo> RunAsync(IndexOptions options, StepContext context)
    {
        UserErrorException.ThrowIf(!IndexOptions.Kinds.Contains(options.Kind), $"Unknown index kind '{options.Kind}'. Kinds: {string.Join(", ", IndexOptions.Kinds)}.");
        string folder = context.Workspace.ExportFolder;
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        ExportReport export = ExportReport.Read(context.Workspace, data);
        FlatIndex exact = ReadItems(folder, export.Model);

        float[] queries = UserQueries(data, export.Model, context); // [B, D]
        var recall = new IndexRecall(queries, exact, k: 100);
        context.Progress.Report(new ProgressEvent { Message = $"{exact.Count:N0} items of {exact.Dimension} dimensions" });
        (IVectorIndex built, IndexShape shape) = new IndexChoice(options, exact, recall, context).Make();

        RequireRecall(options, built, recall);
        File.Delete(Path.Combine(folder, ExportFiles.Index));
        string path = Path.Combine(folder, ArtifactNames.Index);
        FaissFile.Write(path, built);

        // Read back, to measure the file instead of the index in memory.
        IVectorIndex index = FaissFile.Read(path);
        var info = new IndexInfo(
            ArtifactNames.Index, index.Kind, "inner_product", Parameters(shape, index), new IndexRecall(queries, exact, k: 10).Measure(index), recall.Measure(index))
        {
            LatencyMs = recall.MeasureLatency(index),
            Sha256 = FileHash.Of(path),
            ItemsSha256 = export.Files[ArtifactNames.ItemEmbeddings],
        };
        TrainingJson.Write(Path.Combine(folder, ExportFiles.Index), info);
        context.Progress.Report(new ProgressEvent { Fraction = 1, Message = $"{shape}: recall@10 {info.RecallAt10:P2}, recall@100 {info.RecallAt100:P2}, {info.LatencyMs:F3} ms" });
        return info;
    }

    private static void RequireRecall(IndexOptions options, IVectorIndex index, IndexRecall recall)
    {
        if (options.Target > 0 && recall.Measure(index) is var found && found < options.Target)
        {
            throw new UserErrorException(
                $"The {index.Kind} index finds {found:P1} of the exact {recall.K} nearest items{(SearchWidth.Of(index) is { } width ? $" at {width}" : "")}; --recall asks for {options.Target:P1}. "
                + $"{(options.Width is null ? "" : "Use a larger --width, ")}{(options.Width is null ? "Use" : "or")} another --kind such as flat or ivf-flat{(index.Kind == IndexKinds.IvfProduct ? ", more --parts" : "")}, or a lower --recall. The index of an earlier run stays.");
        }
    }

    private static Dictionary<string, double> Parameters(IndexShape shape, IVectorIndex index)
    {
        List<(string Name, int Value)> parameters = [("nlist", shape.Lists), ("m", shape.Parts + shape.Edges)]; // FAISS calls both m: bytes per code and edges per row
        if (SearchWidth.Of(index) is { } width)
        {
            parameters.Add((width.Name, width.Get()));
        }

        return parameters.Where(parameter => parameter.Value > 0).ToDictionary(parameter => parameter.Name, parameter => (double)parameter.Value);
    }

    private static FlatIndex ReadItems(string folder, ModelInfo model)
    {
        string path = Path.Combine(folder, ArtifactNames.ItemEmbeddings);
        try
        {
            (float[] values, int columns) = NpyFile.Read(path); // [V, D]
            FiniteRows.Require(values, columns, path);
            return columns == model.EmbeddingDimension && values.Length == (long)model.Items * model.EmbeddingDimension
                ? new FlatIndex(values, columns)
                : throw new UserErrorException(
                    $"{path} is [{values.Length / columns}, {columns}], but the model needs [{model.Items}, {model.EmbeddingDimension}]. Run 'export' again.");
        }
        catch (Exception e) when (e is FileNotFoundException or InvalidDataException)
        {
            throw new UserErrorException($"The item embeddings cannot be read: {e.Message} Run 'export' again.", e);
        }
    }

    /// <summary>Embeddings of real users: the queries that the index will get.</summary>
    private static float[] UserQueries(PreparedData data, ModelInfo model, StepContext context)
    {
        using var tower = new OnnxUserTower(Path.Combine(context.Workspace.ExportFolder, ArtifactNames.UserTower), model);
        return tower.Encode(SampledHistories.Draw(data.Histories, RecallQueries, context.Seed));
    }
}

/// <summary>Options of <c>index</c>. Sizes that are null follow from the number of items.</summary>
internal sealed record IndexOptions
{
    /// <summary>Measures several kinds and uses the fastest that reaches the recall.</summary>
    public const string Auto = "auto";

    public static readonly IReadOnlyList<string> Kinds = [.. IndexKinds.All, Auto];

    public string Kind { get; init; } = IndexKinds.Flat;

    /// <summary>Number of lists (nlist).</summary>
    public int? Lists { get; init; }

    /// <summary>Bytes of a product code (m).</summary>
    public int? Parts { get; init; }

    /// <summary>Edges per row of a graph (M).</summary>
    public int? Edges { get; init; }

    /// <summary>Lists searched (nprobe) or candidates kept (efSearch); null: the fewest that reach <see cref="Recall"/>.</summary>
    public int? Width { get; init; }

    /// <summary>Items below which <see cref="Auto"/> uses a flat index without measuring others.</summary>
    public int FlatBelow { get; init; } = DefaultShapes.FlatBelow;

    /// <summary>Share of the exact hundred nearest that a search must find. Null: <see cref="DefaultRecall"/>, or any if <see cref="Width"/> is set.</summary>
    public double? Recall { get; init; }

    public const double DefaultRecall = 0.95;

    public double Target => Recall ?? (Width is null || Kind == Auto ? DefaultRecall : 0);
}

/// <summary>Builds the requested index, or measures several kinds and uses the fastest that reaches the recall.</summary>
internal sealed class IndexChoice(IndexOptions options, FlatIndex exact, IndexRecall recall, StepContext context)
{
    // Not hnsw: its graph takes minutes to build, lists take seconds; it can be requested.
    private static readonly string[] MeasuredKinds = [IndexKinds.IvfFlat, IndexKinds.IvfScalar];

    public (IVectorIndex Index, IndexShape Shape) Make()
    {
        if (options.Kind != IndexOptions.Auto)
        {
            return Build(options.Kind, 0, 1);
        }

        if (exact.Count < options.FlatBelow)
        {
            Tell($"{exact.Count:N0} items: flat, which is exact and fast enough below {options.FlatBelow:N0}");
            return (exact, new IndexShape(IndexKinds.Flat));
        }

        (IVectorIndex Index, IndexShape Shape) best = (exact, new IndexShape(IndexKinds.Flat));
        double bestMs = recall.MeasureLatency(exact);
        Tell($"flat: exact, {bestMs:F3} ms");
        for (int i = 0; i < MeasuredKinds.Length; i++)
        {
            (IVectorIndex Index, IndexShape Shape) next = Build(MeasuredKinds[i], (double)i / MeasuredKinds.Length, (i + 1.0) / MeasuredKinds.Length);
            double found = recall.Measure(next.Index);
            double ms = recall.MeasureLatency(next.Index);
            Tell($"{next.Shape}: recall@100 {found:P2}, {ms:F3} ms at {SearchWidth.Of(next.Index)}");
            if (found >= options.Target && ms < bestMs)
            {
                (best, bestMs) = (next, ms);
            }
        }

        return best;
    }

    private (IVectorIndex Index, IndexShape Shape) Build(string kind, double from, double to)
    {
        IndexShape shape = DefaultShapes.For(kind, exact.Count, exact.Dimension, options.Lists, options.Parts, options.Edges);
        if (kind == IndexKinds.Flat)
        {
            return (exact, shape);
        }

        var control = new BuildControl(
            (int)context.Seed, context.Threads, share => context.Progress.Report(new ProgressEvent { Fraction = from + 0.9 * share * (to - from) }), context.Cancellation);
        IVectorIndex index = IndexBuilder.Build(exact.Rows, exact.Dimension, shape, exact.Metric, control);
        SearchWidth width = SearchWidth.Of(index, recall.K)!;
        if (options.Width is int given)
        {
            width.Set(given);
        }
        else
        {
            width.Tune(() => recall.Measure(index), options.Target);
        }

        return (index, shape);
    }

    private void Tell(string message) => context.Progress.Report(new ProgressEvent { Message = message });
}

/// <summary>Measures which share of the exact nearest neighbors an index finds, and how long a query takes.</summary>
/// <param name="queries">[B, D]</param>
internal sealed class IndexRecall(ReadOnlyMemory<float> queries, FlatIndex exact, int k)
{
    private readonly Candidate[] _found = new Candidate[Math.Min(k, exact.Count)];
    private readonly int[][] _expected = Expect(queries.Span, exact, Math.Min(k, exact.Count)); // [B][k]

    public int K => _found.Length;

    /// <param name="first">Counts only the first N of the k neighbors; all if null.</param>
    public double Measure(IVectorIndex index, int? first = null)
    {
        int counted = Math.Min(first ?? _found.Length, _found.Length);
        long shared = 0;
        for (int q = 0; q < _expected.Length; q++)
        {
            int found = index.Search(Query(q), RowFilter.None, _found);
            foreach (Candidate candidate in _found.AsSpan(0, Math.Min(found, counted)))
            {
                shared += _expected[q].AsSpan(0, counted).Contains(candidate.Row) ? 1 : 0;
            }
        }

        long asked = (long)_expected.Length * counted;
        return asked > 0 ? (double)shared / asked : 0;
    }

    /// <returns>Milliseconds of a query on this thread: the mean over queries of each one's fastest round. Other load on the machine only
    /// ever slows a round.</returns>
    public double MeasureLatency(IVectorIndex index)
    {
        const int Rounds = 5;
        var quickest = new double[_expected.Length];
        Array.Fill(quickest, double.PositiveInfinity);
        for (int round = 0; round < Rounds; round++)
        {
            for (int q = 0; q < quickest.Length; q++)
            {
                long start = Stopwatch.GetTimestamp();
                index.Search(Query(q), RowFilter.None, _found);
                quickest[q] = Math.Min(quickest[q], Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }

        return quickest.Length > 0 ? quickest.Average() : 0;
    }

    private ReadOnlySpan<float> Query(int q) => queries.Span.Slice(q * exact.Dimension, exact.Dimension);

    private static int[][] Expect(ReadOnlySpan<float> queries, FlatIndex exact, int k)
    {
        var expected = new int[queries.Length / exact.Dimension][];
        var found = new Candidate[k];
        for (int q = 0; q < expected.Length; q++)
        {
            int count = exact.Search(queries.Slice(q * exact.Dimension, exact.Dimension), RowFilter.None, found);
            expected[q] = [.. found.Take(count).Select(candidate => candidate.Row)];
        }

        return expected;
    }
}
