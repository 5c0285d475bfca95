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
