using Microsoft.ML.OnnxRuntime;

namespace NanoRecSys.Core.Onnx;

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
        using IDisposableReadOnlyCollection<OrtValue> outputs = Run(_items, _itemInputs, items.ToValues(), ItemOutputs);
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
        using IDisposableReadOnlyCollection<OrtValue> outputs = signals.Length == 0
            ? Run(_candidates, CandidateInputs, [userValue, embeddingsValue, partsValue], Logits)
            : Run(_candidates, CandidateInputsWithSignals, [userValue, embeddingsValue, partsValue, SignalsValue(signals, count)], Logits);
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
        using IDisposableReadOnlyCollection<OrtValue> outputs = signals.Length == 0
            ? Run(whole, [.. whole.InputNames], [userValue, .. items.ToValues()], Logits)
            : Run(whole, [.. whole.InputNames], [userValue, .. items.ToValues(), SignalsValue(signals, items.Count)], Logits);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose()
    {
        _items.Dispose();
        _candidates.Dispose();
    }

    private static OrtValue SignalsValue(float[] signals, int count) =>
        OrtValue.CreateTensorValueFromMemory(signals, [count, signals.Length / count]);

    // Disposes the inputs.
    private static IDisposableReadOnlyCollection<OrtValue> Run(InferenceSession session, string[] names, OrtValue[] inputs, string[] outputs)
    {
        try
        {
            using var options = new RunOptions();
            return session.Run(options, names, inputs, outputs);
        }
        finally
        {
            foreach (OrtValue input in inputs)
            {
                input.Dispose();
            }
        }
    }
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
