using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;

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

    public UserTower(ArtifactVersion version)
    {
        ArgumentNullException.ThrowIfNull(version);
        OnnxInfo onnx = version.Manifest.UserTower;
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

    public void Dispose() => _session.Dispose();

    private float[] Run(OrtValue[] inputs)
    {
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(options, _inputs, inputs, _outputs);
        ReadOnlySpan<float> embedding = outputs[0].GetTensorDataAsSpan<float>(); // [1, D]
        return embedding.Length == _dimension
            ? embedding.ToArray()
            : throw new ArtifactException($"The user tower gives {embedding.Length} values, the manifest says {_dimension}. Run 'export' and 'publish' again.");
    }
}
