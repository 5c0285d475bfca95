using Microsoft.ML.OnnxRuntime;

namespace NanoRecSys.Core.Onnx;

/// <summary>
/// Runs an exported user tower: histories in, embeddings out. Used by export's parity check, evaluation, publishing and the API.
/// Safe for concurrent calls.
/// </summary>
internal sealed class OnnxUserTower : IDisposable
{
    public const string TokensInput = "tokens"; // [B, L] int64
    public const string TimesInput = "times"; // [B, L] int64, only with a time bias
    public const string NowInput = "now"; // [B] int64, only with a time bias
    public const string EmbeddingOutput = "user_embedding"; // [B, D]

    private static readonly string[] TokensOnly = [TokensInput];
    private static readonly string[] TokensAndTimes = [TokensInput, TimesInput, NowInput];
    private static readonly string[] Outputs = [EmbeddingOutput];

    private readonly InferenceSession _session;
    private readonly ModelInfo _model;

    /// <exception cref="ArtifactException">The graph's inputs do not match the model.</exception>
    public OnnxUserTower(string path, ModelInfo model)
    {
        _model = model;
        _session = OnnxSession.Open(path);
        string[] expected = model.TimeBias ? TokensAndTimes : TokensOnly;
        if (!_session.InputMetadata.Keys.ToHashSet().SetEquals(expected))
        {
            string actual = string.Join(", ", _session.InputMetadata.Keys);
            _session.Dispose();
            throw new ArtifactException(
                $"{Path.GetFileName(path)} has the inputs {actual}, but the model needs {string.Join(", ", expected)}. Run 'export' and 'publish' again.");
        }
    }

    /// <param name="histories">
    /// [B]; the last L items of each are read. Pass one at a time to an 8-bit graph: it has no padding, and in one batch its
    /// quantization steps would depend on all histories.
    /// </param>
    /// <returns>[B, D], each row of unit length.</returns>
    public float[] Encode(params ReadOnlySpan<TimedHistory> histories)
    {
        int batch = histories.Length;
        int length = 1; // L', the length of the longest history; shorter ones are padded
        foreach (TimedHistory history in histories)
        {
            length = Math.Max(length, SequenceBuilder.Length(history.Items.Length, _model.MaxLength));
        }

        var tokens = new long[batch * length]; // [B, L']
        for (int b = 0; b < batch; b++)
        {
            SequenceBuilder.Fill(histories[b].Items.Span, tokens.AsSpan(b * length, length));
        }

        using OrtValue tokensValue = OrtValue.CreateTensorValueFromMemory(tokens, [batch, length]);
        if (!_model.TimeBias)
        {
            return Run(batch, TokensOnly, [tokensValue]);
        }

        var times = new long[tokens.Length]; // [B, L']
        var now = new long[batch]; // [B]
        for (int b = 0; b < batch; b++)
        {
            SequenceBuilder.FillTimes(histories[b], times.AsSpan(b * length, length));
            now[b] = histories[b].Now;
        }

        using OrtValue timesValue = OrtValue.CreateTensorValueFromMemory(times, [batch, length]);
        using OrtValue nowValue = OrtValue.CreateTensorValueFromMemory(now, [batch]);
        return Run(batch, TokensAndTimes, [tokensValue, timesValue, nowValue]);
    }

    public void Dispose() => _session.Dispose();

    private float[] Run(int batch, string[] names, OrtValue[] inputs)
    {
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(options, names, inputs, Outputs);
        ReadOnlySpan<float> embeddings = outputs[0].GetTensorDataAsSpan<float>(); // [B, D]
        return embeddings.Length == batch * _model.EmbeddingDimension
            ? embeddings.ToArray()
            : throw new ArtifactException(
                $"The user tower returns {embeddings.Length / batch} values per history, the model has {_model.EmbeddingDimension} dimensions. Run 'export' and 'publish' again.");
    }
}
