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

    public UserTower(ArtifactVersion version)
    {
        ArgumentNullException.ThrowIfNull(version);
        OnnxInfo onnx = version.Manifest.UserTower;
        _session = OnnxSession.Open(version.PathOf(onnx.File));
        _inputs = [onnx.Inputs.Single().Name];
        _outputs = [onnx.Outputs.Single().Name];
        _dimension = version.Manifest.Model.Dimension;
        _maxLength = version.Manifest.Model.MaxLength;
    }

    /// <param name="history">Item rows, oldest first, at least one; the last L are read.</param>
    /// <returns>[D], of length 1.</returns>
    public float[] Encode(ReadOnlySpan<int> history)
    {
        var tokens = new long[SequenceBuilder.Length(history.Length, _maxLength)]; // [L'], no padding: a batch of one
        SequenceBuilder.Fill(history, tokens);
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(tokens, [1, tokens.Length]);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(options, _inputs, [input], _outputs);
        ReadOnlySpan<float> embedding = outputs[0].GetTensorDataAsSpan<float>(); // [1, D]
        return embedding.Length == _dimension
            ? embedding.ToArray()
            : throw new ArtifactException($"The user tower gives {embedding.Length} values, the manifest says {_dimension}. Run 'export' and 'publish' again.");
    }

    public void Dispose() => _session.Dispose();
}
