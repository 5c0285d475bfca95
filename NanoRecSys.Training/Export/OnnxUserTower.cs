using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Export;

/// <summary>An exported user tower in ONNX Runtime: what will be served, for checks and measurements.</summary>
internal sealed class OnnxUserTower(string path, ModelInfo model) : IDisposable
{
    private readonly InferenceSession _session = new(path);

    /// <param name="histories">[B] item rows, oldest first; the last L of each are read.</param>
    /// <returns>[B, D], L2-normalised.</returns>
    public float[] Encode(IReadOnlyList<ReadOnlyMemory<int>> histories)
    {
        int length = Math.Max(1, histories.Max(history => SequenceBuilder.Length(history.Length, model.MaxLength)));
        var tokens = new long[histories.Count * length]; // [B, L]
        for (int b = 0; b < histories.Count; b++)
        {
            SequenceBuilder.Fill(histories[b].Span, tokens.AsSpan(b * length, length));
        }

        using OrtValue input = OrtValue.CreateTensorValueFromMemory(tokens, [histories.Count, length]);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs =
            _session.Run(options, [UserTowerGraph.TokensInput], [input], [UserTowerGraph.EmbeddingOutput]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose() => _session.Dispose();
}
