using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.Training.Export;

/// <summary>An exported user tower in ONNX Runtime: what will be served, for checks and measurements.</summary>
internal sealed class OnnxUserTower(string path, ModelInfo model) : IDisposable
{
    private readonly InferenceSession _session = OnnxSession.Open(path);

    /// <param name="histories">[B]; the last L items of each are read.</param>
    /// <returns>[B, D], L2-normalised.</returns>
    public float[] Encode(IReadOnlyList<TimedHistory> histories)
    {
        int length = Math.Max(1, histories.Max(history => SequenceBuilder.Length(history.Items.Length, model.MaxLength)));
        var tokens = new long[histories.Count * length]; // [B, L]
        var times = new long[model.TimeBias ? tokens.Length : 0]; // [B, L]
        for (int b = 0; b < histories.Count; b++)
        {
            SequenceBuilder.Fill(histories[b].Items.Span, tokens.AsSpan(b * length, length));
            if (model.TimeBias)
            {
                SequenceBuilder.FillTimes(histories[b], times.AsSpan(b * length, length));
            }
        }

        using OrtValue tokensInput = OrtValue.CreateTensorValueFromMemory(tokens, [histories.Count, length]);
        using OrtValue timesInput = OrtValue.CreateTensorValueFromMemory(times, [model.TimeBias ? histories.Count : 0, length]);
        using OrtValue nowInput = OrtValue.CreateTensorValueFromMemory(histories.Select(history => history.Now).ToArray(), [histories.Count]);
        string[] names = model.TimeBias ? [UserTowerGraph.TokensInput, UserTowerGraph.TimesInput, UserTowerGraph.NowInput] : [UserTowerGraph.TokensInput];
        OrtValue[] inputs = model.TimeBias ? [tokensInput, timesInput, nowInput] : [tokensInput];
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs =
            _session.Run(options, names, inputs, [UserTowerGraph.EmbeddingOutput]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose() => _session.Dispose();
}
