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
    private readonly string[] _inputs;

    /// <exception cref="ArtifactException">The graph's inputs do not match the model.</exception>
    public OnnxUserTower(string path, ModelInfo model)
    {
        _model = model;
        _inputs = model.TimeBias ? TokensAndTimes : TokensOnly;
        _session = OnnxSession.Open(path);
        if (!_session.InputMetadata.Keys.ToHashSet().SetEquals(_inputs))
        {
            string actual = string.Join(", ", _session.InputMetadata.Keys);
            _session.Dispose();
            throw new ArtifactException(
                $"{Path.GetFileName(path)} has the inputs {actual}, but the model needs {string.Join(", ", _inputs)}. Run 'export' and 'publish' again.");
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
            length = Math.Max(length, Math.Min(history.Items.Length, _model.MaxLength));
        }

        var tokens = new long[batch * length]; // [B, L']
        for (int b = 0; b < batch; b++)
        {
            SequenceBuilder.Fill(histories[b].Items.Span, tokens.AsSpan(b * length, length));
        }

        OrtValue tokensValue = OrtValue.CreateTensorValueFromMemory(tokens, [batch, length]);
        using IDisposableReadOnlyCollection<OrtValue> outputs = OnnxSession.Run(
            _session, _inputs, _model.TimeBias ? [tokensValue, .. TimeValues(histories, length)] : [tokensValue], Outputs);
        ReadOnlySpan<float> embeddings = outputs[0].GetTensorDataAsSpan<float>(); // [B, D]
        return embeddings.Length == batch * _model.EmbeddingDimension
            ? embeddings.ToArray()
            : throw new ArtifactException(
                $"The user tower returns {embeddings.Length / batch} values per history, the model has {_model.EmbeddingDimension} dimensions. Run 'export' and 'publish' again.");
    }

    public void Dispose() => _session.Dispose();

    private static OrtValue[] TimeValues(ReadOnlySpan<TimedHistory> histories, int length)
    {
        var times = new long[histories.Length * length]; // [B, L']
        var now = new long[histories.Length]; // [B]
        for (int b = 0; b < histories.Length; b++)
        {
            SequenceBuilder.FillTimes(histories[b], times.AsSpan(b * length, length));
            now[b] = histories[b].Now;
        }

        return [OrtValue.CreateTensorValueFromMemory(times, [histories.Length, length]), OrtValue.CreateTensorValueFromMemory(now, [histories.Length])];
    }
}

/// <summary>
/// Runs an exported ranker in the two graphs that serving uses: the part that depends only on the item is computed once per item, at
/// publish; the rest once per request. Used by export's parity check, publishing and the API. Safe for concurrent calls.
/// </summary>
internal sealed class OnnxRanker : IDisposable
{
    public const string UserInput = "user_embedding"; // [1, D]
    public const string ItemsInput = "item_embeddings"; // [C, D]
    public const string PopularityInput = "popularity"; // [C, 1]
    public const string YearInput = "year"; // [C] int64, if there are years of release
    private const string NumberInputs = "number_"; // [C] int64 for each other number attribute
    public const string GenresInput = "genres"; // [C, G]
    public const string UnknownInput = "unknown"; // [C, 1]
    public const string SignalsInput = "signals"; // [C, S], only if the ranker reads signals
    public const string ItemPart = "item_part"; // [C, H1]: output of the items' graph, input of the candidates'
    public const string LogitsOutput = "logits"; // [C]

    private static readonly string[] CandidateInputs = [UserInput, ItemsInput, ItemPart];
    private static readonly string[] CandidateInputsWithSignals = [.. CandidateInputs, SignalsInput];
    private static readonly string[] ItemOutputs = [ItemPart];
    private static readonly string[] Logits = [LogitsOutput];

    private readonly InferenceSession _items;
    private readonly string[] _itemInputs;
    private readonly InferenceSession _candidates;

    /// <param name="itemsPath">The graph that turns an item into its part of the first layer.</param>
    /// <param name="candidatesPath">The graph that scores candidates using these parts.</param>
    public OnnxRanker(string itemsPath, string candidatesPath)
    {
        _items = OnnxSession.Open(itemsPath);
        try
        {
            _candidates = OnnxSession.Open(candidatesPath);
        }
        catch
        {
            _items.Dispose();
            throw;
        }

        _itemInputs = [.. _items.InputNames];
        PartWidth = _items.OutputMetadata[ItemPart].Dimensions[^1];
    }

    public int PartWidth { get; } // H1, the width of an item's part

    /// <summary>The input of a number attribute that is not the year of release.</summary>
    public static string NumberInput(int place) => $"{NumberInputs}{place}";

    /// <summary>Computes the items' part of the first layer.</summary>
    /// <param name="items">Inputs of C items.</param>
    /// <param name="parts">[C, H1] receives the parts.</param>
    public void ComputeParts(RankerItems items, Span<float> parts)
    {
        using IDisposableReadOnlyCollection<OrtValue> outputs = OnnxSession.Run(_items, _itemInputs, items.ToValues(), ItemOutputs);
        outputs[0].GetTensorDataAsSpan<float>().CopyTo(parts);
    }

    /// <param name="user">[D], unit length.</param>
    /// <param name="embeddings">[C, D]; zeros for an unknown item.</param>
    /// <param name="parts">[C, H1]; see <see cref="ComputeParts"/>.</param>
    /// <param name="signals">[C, S]; empty if the ranker reads none. For an unknown item, 0 for the signals that need an embedding.</param>
    /// <returns>[C] logits.</returns>
    public float[] Score(float[] user, Memory<float> embeddings, Memory<float> parts, float[] signals)
    {
        int count = embeddings.Length / user.Length; // C
        OrtValue userValue = OrtValue.CreateTensorValueFromMemory(user, [1, user.Length]);
        OrtValue embeddingsValue = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, embeddings, [count, user.Length]);
        OrtValue partsValue = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, parts, [count, PartWidth]);
        using IDisposableReadOnlyCollection<OrtValue> outputs = OnnxSession.Run(
            _candidates, signals.Length == 0 ? CandidateInputs : CandidateInputsWithSignals, [userValue, embeddingsValue, partsValue, .. SignalsValue(signals, count)], Logits);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    /// <summary>Runs the ranker as one graph, which is exported for use by other programs.</summary>
    /// <param name="user">[D], unit length.</param>
    /// <param name="items">C items.</param>
    /// <param name="signals">[C, S]; empty if the ranker reads none.</param>
    /// <returns>[C] logits.</returns>
    public static float[] ScoreWhole(InferenceSession whole, float[] user, RankerItems items, float[] signals)
    {
        OrtValue userValue = OrtValue.CreateTensorValueFromMemory(user, [1, user.Length]);
        using IDisposableReadOnlyCollection<OrtValue> outputs = OnnxSession.Run(
            whole, [.. whole.InputNames], [userValue, .. items.ToValues(), .. SignalsValue(signals, items.Count)], Logits);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose()
    {
        _items.Dispose();
        _candidates.Dispose();
    }

    private static OrtValue[] SignalsValue(float[] signals, int count) =>
        signals.Length == 0 ? [] : [OrtValue.CreateTensorValueFromMemory(signals, [count, signals.Length / count])];
}

/// <summary>The ranker's inputs for C items.</summary>
/// <param name="Embeddings">[C, D], each of unit length; ignored for an unknown item.</param>
/// <param name="Popularity">[C] log popularity in 0..1.</param>
/// <param name="Numbers">[N][C] bucket of each number attribute.</param>
/// <param name="Categories">[C, G] 1 if the item has the category.</param>
/// <param name="Unknown">[C] 1 for an item that was never trained.</param>
internal sealed record RankerItems(float[] Embeddings, float[] Popularity, IReadOnlyList<long[]> Numbers, float[] Categories, float[] Unknown)
{
    public int Count => Popularity.Length; // C

    /// <summary>In the order of the graph's inputs; the caller disposes them.</summary>
    public OrtValue[] ToValues() =>
    [
        OrtValue.CreateTensorValueFromMemory(Embeddings, [Count, Embeddings.Length / Count]),
        OrtValue.CreateTensorValueFromMemory(Popularity, [Count, 1]),
        .. Numbers.Select(buckets => OrtValue.CreateTensorValueFromMemory(buckets, [Count])),
        OrtValue.CreateTensorValueFromMemory(Categories, [Count, Categories.Length / Count]),
        OrtValue.CreateTensorValueFromMemory(Unknown, [Count, 1]),
    ];
}
