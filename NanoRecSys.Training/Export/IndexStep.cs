using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Indexing;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export;

/// <summary>Item embeddings in, <c>items.index</c> (a FAISS file) and its measured recall out.</summary>
public static class IndexStep
{
    private const int RecallQueries = 200;

    /// <exception cref="UserErrorException">Nothing was exported, or the kind of index cannot be built.</exception>
    public static async Task<IndexInfo> RunAsync(IndexOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        RequireKind(options.Kind);
        string folder = context.Workspace.ExportFolder;
        ExportReport export = ExportFiles.ReadJson(Path.Combine(folder, ExportFiles.Parity), ExportJson.Default.ExportReport, "export");
        FlatIndex exact = ReadItems(folder, export.Model);

        float[] queries = await UserQueriesAsync(export.Model, context); // [B, D]
        var recall = new IndexRecall(queries, exact, k: 100);
        context.Progress.Report(new StepProgress { Message = $"{exact.Count:N0} items of {exact.Dimension} dimensions" });
        (IVectorIndex built, IndexShape shape) = new IndexChoice(options, exact, recall, context).Make();

        File.Delete(Path.Combine(folder, ExportFiles.Index));
        string path = Path.Combine(folder, ArtifactNames.Index);
        FaissFile.Write(path, built);

        // Read back: what is measured is the file, not what was in memory.
        IVectorIndex index = FaissFile.Read(path);
        var info = new IndexInfo(
            ArtifactNames.Index, index.Kind, "inner_product", Parameters(shape, index), new IndexRecall(queries, exact, k: 10).Measure(index), recall.Measure(index))
        {
            LatencyMs = recall.MeasureLatency(index),
        };
        ExportFiles.WriteJson(Path.Combine(folder, ExportFiles.Index), info, ExportJson.Default.IndexInfo);
        context.Progress.Report(new StepProgress { Fraction = 1, Message = $"{shape}: recall@10 {info.RecallAt10:P2}, recall@100 {info.RecallAt100:P2}, {info.LatencyMs:F3} ms" });
        return info;
    }

    private static Dictionary<string, double> Parameters(IndexShape shape, IVectorIndex index)
    {
        var parameters = new Dictionary<string, double>();
        AddIfSet("nlist", shape.Lists);
        AddIfSet("m", shape.Parts + shape.Edges); // FAISS calls both m: bytes of a code, edges of a row
        if (SearchWidth.NameOf(index) is { } name)
        {
            parameters[name] = SearchWidth.Of(index);
        }

        return parameters;

        void AddIfSet(string name, int value)
        {
            if (value > 0)
            {
                parameters[name] = value;
            }
        }
    }

    private static void RequireKind(string kind)
    {
        if (!IndexOptions.Kinds.Contains(kind))
        {
            throw new UserErrorException($"There is no index kind '{kind}'; there is {string.Join(", ", IndexOptions.Kinds)}.");
        }
    }

    private static FlatIndex ReadItems(string folder, ModelInfo model)
    {
        string path = Path.Combine(folder, ArtifactNames.ItemEmbeddings);
        try
        {
            (float[] values, int columns) = NpyFile.Read(path); // [V, D]
            FiniteRows.Require(values, columns, path);
            return columns == model.Dimension && values.Length == (long)model.Items * model.Dimension
                ? new FlatIndex(values, columns)
                : throw new UserErrorException(
                    $"{path} is [{values.Length / columns}, {columns}], the model needs [{model.Items}, {model.Dimension}]. Run 'export' again.");
        }
        catch (Exception e) when (e is FileNotFoundException or InvalidDataException)
        {
            throw new UserErrorException($"The item embeddings cannot be read: {e.Message} Run 'export' again.", e);
        }
    }

    /// <summary>Embeddings of real users: what the index will be asked.</summary>
    private static async Task<float[]> UserQueriesAsync(ModelInfo model, StepContext context)
    {
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using var tower = new OnnxUserTower(Path.Combine(context.Workspace.ExportFolder, ArtifactNames.UserTower), model);
        return tower.Encode(SampledHistories.Draw(data.Histories, RecallQueries, context.Seed));
    }
}
