using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Training.Export;

namespace NanoRecSys.Benchmarks.Ranker;

/// <summary>One request's inputs, random, in the shapes of the plain graph and of the parts.</summary>
internal sealed class RankerCase : IDisposable
{
    private readonly List<OrtValue> _values = [];

    public RankerCase(int dimension, int candidates, Random random)
    {
        float[] user = Unit();
        float[] vectors = [.. Enumerable.Range(0, candidates).SelectMany(_ => Unit())]; // [C, D]
        OrtValue item = Own(vectors, candidates, dimension);
        (string, OrtValue)[] content =
        [
            (RankerGraph.PopularityInput, Own([.. Enumerable.Range(0, candidates).Select(_ => random.NextSingle())], candidates, 1)),
            (RankerGraph.YearInput, Own([.. Enumerable.Range(0, candidates).Select(_ => (long)random.Next(6))], candidates)),
            (RankerGraph.GenresInput, Own([.. Enumerable.Range(0, candidates * RandomRanker.Genres).Select(_ => random.Next(8) == 0 ? 1f : 0f)], candidates, RandomRanker.Genres)),
            (RankerGraph.UnknownInput, Own(new float[candidates], candidates, 1)),
        ];
        Items = [(RankerGraph.ItemsInput, item), .. content];
        Plain = [(RankerGraph.UserInput, Own([.. Enumerable.Repeat(user, candidates).SelectMany(row => row)], candidates, dimension)), .. Items];
        Parts = [(RankerGraph.UserInput, Own(user, 1, dimension)), (RankerGraph.ItemsInput, item)];

        float[] Unit()
        {
            float[] vector = [.. Enumerable.Range(0, dimension).Select(_ => random.NextSingle() - 0.5f)];
            float norm = MathF.Sqrt(vector.Sum(value => value * value));
            return [.. vector.Select(value => value / norm)];
        }
    }

    public (string, OrtValue)[] Plain { get; }

    public (string, OrtValue)[] Items { get; }

    /// <summary>All but the items' part of the first layer.</summary>
    public (string, OrtValue)[] Parts { get; }

    public void Dispose() => _values.ForEach(value => value.Dispose());

    private OrtValue Own<T>(T[] values, params long[] shape)
        where T : unmanaged
    {
        _values.Add(OrtValue.CreateTensorValueFromMemory(values, shape));
        return _values[^1];
    }
}
