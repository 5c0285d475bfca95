using System.Numerics.Tensors;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export;

/// <summary>The retriever as it is served in 8 bits: the exported graph, one history at a time.</summary>
internal sealed class Int8RetrieverScorer : IScorer, IDisposable
{
    public const string ModelName = "retriever-int8";

    private readonly OnnxUserTower _tower;
    private readonly float[] _items; // [V, D], L2-normalised
    private readonly int _dimension; // D

    /// <exception cref="UserErrorException">Nothing was exported, not in 8 bits, or with other data or weights.</exception>
    public Int8RetrieverScorer(Workspace workspace, PreparedData data)
    {
        string path = Path.Combine(workspace.ExportFolder, ArtifactNames.UserTowerInt8);
        if (!File.Exists(path))
        {
            throw new UserErrorException($"There is no {path}. Run 'export' first; it omits the file if 8 bits are not accurate enough.");
        }

        _tower = new OnnxUserTower(path, ExportReport.Read(workspace, data).Model);
        (_items, _dimension) = NpyFile.Read(Path.Combine(workspace.ExportFolder, ArtifactNames.ItemEmbeddings));
    }

    public string Name => ModelName;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        int items = _items.Length / _dimension; // V
        for (int b = 0; b < histories.Count; b++)
        {
            float[] user = _tower.Encode([histories[b]]); // [D]
            for (int item = 0; item < items; item++)
            {
                scores[(b * items) + item] = TensorPrimitives.Dot<float>(user, _items.AsSpan(item * _dimension, _dimension));
            }
        }
    }

    public void Dispose() => _tower.Dispose();
}
