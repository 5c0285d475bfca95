using System.Numerics.Tensors;

namespace NanoRecSys.Training.Export;

/// <summary>A retriever in its served form: the exported graph, one history at a time, and the exported item embeddings.</summary>
/// <param name="embeddings">Path of [V', D], L2-normalized.</param>
/// <param name="rows">[V] the retriever's row of each item of the data, or -1 for an unknown item; null if the rows are the data's.</param>
internal sealed class ExportedRetriever(string name, string tower, string embeddings, ModelInfo model, int[]? rows = null) : IScorer, IDisposable
{
    public const string Int8Name = "retriever-int8";

    private readonly OnnxUserTower _tower = new(tower, model);
    private readonly (float[] Values, int Dimension) _items = NpyFile.Read(embeddings);

    public string Name => name;

    public static ExportedRetriever OpenInt8(Workspace workspace, PreparedData data)
    {
        string path = Path.Combine(workspace.ExportFolder, ArtifactNames.UserTowerInt8);
        return File.Exists(path)
            ? new ExportedRetriever(Int8Name, path, Path.Combine(workspace.ExportFolder, ArtifactNames.ItemEmbeddings), ExportReport.Read(workspace, data).Model)
            : throw new UserErrorException($"There is no {path}. Run 'export' first; it omits the file if 8 bits are not accurate enough.");
    }

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        int items = rows?.Length ?? _items.Values.Length / _items.Dimension; // V
        for (int b = 0; b < histories.Count; b++)
        {
            TimedHistory history = rows is null ? histories[b] : Known(histories[b], rows);
            ReadOnlySpan<float> user = rows is not null && history.Items.IsEmpty ? default : _tower.Encode([history]); // [D]
            for (int item = 0; item < items; item++)
            {
                int row = rows?[item] ?? item;
                scores[b * items + item] = row < 0 || user.IsEmpty
                    ? float.NegativeInfinity
                    : TensorPrimitives.Dot(user, _items.Values.AsSpan(row * _items.Dimension, _items.Dimension));
            }
        }
    }

    public void Dispose() => _tower.Dispose();

    private static TimedHistory Known(TimedHistory history, int[] rows)
    {
        int[] places = [.. Enumerable.Range(0, history.Items.Length).Where(t => rows[history.Items.Span[t]] >= 0)];
        return new TimedHistory(
            Array.ConvertAll(places, t => rows[history.Items.Span[t]]),
            history.Times.IsEmpty ? default(ReadOnlyMemory<long>) : Array.ConvertAll(places, t => history.Times.Span[t]), history.Now);
    }
}
