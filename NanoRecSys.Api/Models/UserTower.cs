using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.Api.Models;

/// <summary>The trained user tower: a history in, the user's embedding out. Safe for concurrent calls.</summary>
public sealed class UserTower : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string[] _inputs;
    private readonly string[] _outputs;
    private readonly int _dimension;
    private readonly int _maxLength;
    private readonly bool _hasTimes;

    /// <param name="version">Holds it.</param>
    /// <param name="onnx">Which of its graphs.</param>
    public UserTower(ArtifactVersion version, OnnxInfo onnx)
    {
        ArgumentNullException.ThrowIfNull(version);
        ArgumentNullException.ThrowIfNull(onnx);
        _session = OnnxSession.Open(version.PathOf(onnx.File));
        _inputs = [.. onnx.Inputs.Select(input => input.Name)];
        _hasTimes = version.Manifest.Model.TimeBias;
        if (_inputs.Length != (_hasTimes ? 3 : 1))
        {
            throw new ArtifactException($"The user tower has {_inputs.Length} inputs, its time bias asks for {(_hasTimes ? 3 : 1)}. Run 'export' and 'publish' again.");
        }

        _outputs = [onnx.Outputs.Single().Name];
        _dimension = version.Manifest.Model.Dimension;
        _maxLength = version.Manifest.Model.MaxLength;
    }

    /// <param name="history">At least one item; the last L are read.</param>
    /// <returns>[D], of length 1.</returns>
    public float[] Encode(TimedHistory history)
    {
        int length = SequenceBuilder.Length(history.Items.Length, _maxLength); // L', no padding: a batch of one
        var tokens = new long[length];
        SequenceBuilder.Fill(history.Items.Span, tokens);
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(tokens, [1, length]);
        if (!_hasTimes)
        {
            return Run([input]);
        }

        var times = new long[length];
        SequenceBuilder.FillTimes(history, times);
        using OrtValue timesInput = OrtValue.CreateTensorValueFromMemory(times, [1, length]);
        using OrtValue now = OrtValue.CreateTensorValueFromMemory(new[] { history.Now }, [1]);
        return Run([input, timesInput, now]);
    }

    /// <summary>
    /// Several histories in one run: they share the graph's overhead. Of the graph in 32 bits only: the other knows no padding,
    /// and in one batch its steps would depend on all histories.
    /// </summary>
    /// <param name="histories">B, each with at least one item.</param>
    /// <returns>[B] embeddings [D], each of length 1.</returns>
    public float[][] EncodeAll(IReadOnlyList<TimedHistory> histories)
    {
        ArgumentNullException.ThrowIfNull(histories);
        int batch = histories.Count;
        int length = histories.Max(history => SequenceBuilder.Length(history.Items.Length, _maxLength)); // L': shorter ones are padded
        var tokens = new long[batch * length]; // [B, L']
        var times = new long[_hasTimes ? tokens.Length : 0]; // [B, L']
        for (int b = 0; b < batch; b++)
        {
            SequenceBuilder.Fill(histories[b].Items.Span, tokens.AsSpan(b * length, length));
            if (_hasTimes)
            {
                SequenceBuilder.FillTimes(histories[b], times.AsSpan(b * length, length));
            }
        }

        using OrtValue input = OrtValue.CreateTensorValueFromMemory(tokens, [batch, length]);
        float[] users; // [B * D]
        if (_hasTimes)
        {
            using OrtValue timesInput = OrtValue.CreateTensorValueFromMemory(times, [batch, length]);
            using OrtValue now = OrtValue.CreateTensorValueFromMemory(histories.Select(history => history.Now).ToArray(), [batch]);
            users = Run([input, timesInput, now], batch);
        }
        else
        {
            users = Run([input], batch);
        }

        return [.. Enumerable.Range(0, batch).Select(b => users[(b * _dimension)..((b + 1) * _dimension)])];
    }

    public void Dispose() => _session.Dispose();

    private float[] Run(OrtValue[] inputs, int batch = 1)
    {
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(options, _inputs, inputs, _outputs);
        ReadOnlySpan<float> embedding = outputs[0].GetTensorDataAsSpan<float>(); // [B, D]
        return embedding.Length == batch * _dimension
            ? embedding.ToArray()
            : throw new ArtifactException($"The user tower gives {embedding.Length / batch} values, the manifest says {_dimension}. Run 'export' and 'publish' again.");
    }
}
