using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Training.Ranking;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Export;

/// <summary>An exported ranker in ONNX Runtime, to be compared with the trained one on the same inputs.</summary>
internal sealed class OnnxRanker(string path) : IDisposable
{
    private static readonly string[] Names =
    [
        RankerGraph.UserInput, RankerGraph.ItemsInput, RankerGraph.PopularityInput,
        RankerGraph.YearInput, RankerGraph.GenresInput, RankerGraph.UnknownInput,
    ];

    private readonly InferenceSession _session = OnnxSession.Open(path);

    /// <param name="inputs">One user and C candidates.</param>
    /// <returns>[C] logits.</returns>
    public float[] Score(RankerInputs inputs)
    {
        using OrtValue user = ToValue<float>(inputs.Users);
        using OrtValue items = ToValue<float>(inputs.Items);
        using OrtValue popularity = ToValue<float>(inputs.Popularity);
        using OrtValue years = ToValue<long>(inputs.Years);
        using OrtValue genres = ToValue<float>(inputs.Genres);
        using OrtValue unknown = ToValue<float>(inputs.Unknown);
        using OrtValue? signals = inputs.Signals is null ? null : ToValue<float>(inputs.Signals);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(
            options, signals is null ? Names : [.. Names, RankerGraph.SignalsInput],
            signals is null ? [user, items, popularity, years, genres, unknown] : [user, items, popularity, years, genres, unknown, signals],
            [RankerGraph.LogitsOutput]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose() => _session.Dispose();

    internal static OrtValue ToValue<T>(Tensor tensor)
        where T : unmanaged
    {
        using Tensor dense = tensor.contiguous();
        return OrtValue.CreateTensorValueFromMemory(dense.data<T>().ToArray(), dense.shape);
    }
}

/// <summary>The ranker cut in two in ONNX Runtime, run as serving runs it, to be compared with the trained one.</summary>
internal sealed class OnnxRankerParts(string itemsPath, string candidatesPath, Tensor hiddenSignals) : IDisposable
{
    private readonly InferenceSession _items = new(itemsPath);
    private readonly InferenceSession _candidates = new(candidatesPath);

    /// <param name="inputs">One user and C candidates.</param>
    /// <returns>[C] logits.</returns>
    public float[] Score(RankerInputs inputs)
    {
        using var scope = NewDisposeScope();
        using OrtValue items = OnnxRanker.ToValue<float>(inputs.Items);
        using OrtValue popularity = OnnxRanker.ToValue<float>(inputs.Popularity);
        using OrtValue years = OnnxRanker.ToValue<long>(inputs.Years);
        using OrtValue genres = OnnxRanker.ToValue<float>(inputs.Genres);
        using OrtValue unknown = OnnxRanker.ToValue<float>(inputs.Unknown);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> parts = _items.Run(
            options, RankerGraph.ItemInputs, [items, popularity, years, genres, unknown], [RankerGraph.ItemPart]);

        using OrtValue user = OnnxRanker.ToValue<float>(inputs.Users);
        using OrtValue known = OnnxRanker.ToValue<float>(inputs.Items * (1 - inputs.Unknown));
        List<string> names = [RankerGraph.UserInput, RankerGraph.ItemsInput, RankerGraph.ItemPart];
        List<OrtValue> values = [user, known, parts[0]];
        using OrtValue? signals = inputs.Signals is null ? null : OnnxRanker.ToValue<float>(inputs.Signals * (1 - inputs.Unknown * hiddenSignals));
        if (signals is not null)
        {
            names.Add(RankerGraph.SignalsInput);
            values.Add(signals);
        }

        using IDisposableReadOnlyCollection<OrtValue> outputs = _candidates.Run(options, names, values, [RankerGraph.LogitsOutput]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose()
    {
        _items.Dispose();
        _candidates.Dispose();
    }
}
