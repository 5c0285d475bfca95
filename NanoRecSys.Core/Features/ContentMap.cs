using System.Numerics.Tensors;
using System.Text.Json;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Core.Features;

/// <summary>
/// Estimates an embedding for an item that nobody has seen from what is known of it, in the space of the trained
/// ones: so a new item is found by the same search. A linear map, fitted to the trained items.
/// </summary>
public sealed class ContentMap
{
    private readonly float[] _weights; // [F, D]

    /// <param name="features">The F columns.</param>
    /// <param name="weights">[F, D], row-major; kept, not copied.</param>
    /// <exception cref="ArgumentException">The weights are not F rows.</exception>
    public ContentMap(ContentFeatures features, float[] weights)
    {
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(weights);
        if (weights.Length == 0 || weights.Length % features.Names.Count != 0)
        {
            throw new ArgumentException($"{weights.Length} weights are not rows for {features.Names.Count} features.", nameof(weights));
        }

        (Features, _weights) = (features, weights);
        Dimension = weights.Length / features.Names.Count;
    }

    public ContentFeatures Features { get; }

    /// <summary>D</summary>
    public int Dimension { get; }

    /// <param name="title">Without the year, as <see cref="MovieTitle"/> takes it apart.</param>
    /// <param name="year">Of release, if known.</param>
    /// <param name="genres">Genres that training has not seen are ignored.</param>
    /// <returns>[D], of length 1.</returns>
    public float[] Embed(string title, int? year, IReadOnlyList<string> genres)
    {
        var embedding = new float[Dimension];
        foreach ((int column, float value) in Features.Of(title, year, genres))
        {
            ReadOnlySpan<float> row = _weights.AsSpan(column * Dimension, Dimension);
            TensorPrimitives.MultiplyAdd(row, value, embedding, embedding);
        }

        float norm = TensorPrimitives.Norm<float>(embedding);
        if (norm > 0)
        {
            TensorPrimitives.Divide(embedding, norm, embedding);
        }

        return embedding;
    }

    /// <param name="weightsPath">[F, D] as a NumPy array.</param>
    /// <param name="featuresPath">The F names, a JSON list.</param>
    public void Write(string weightsPath, string featuresPath)
    {
        NpyFile.Write(weightsPath, _weights, Dimension);
        File.WriteAllBytes(featuresPath, JsonSerializer.SerializeToUtf8Bytes(Features.Names, CoreJson.Default.IReadOnlyListString));
    }

    /// <exception cref="InvalidDataException">The files do not belong together, or are damaged.</exception>
    public static ContentMap Read(string weightsPath, string featuresPath)
    {
        try
        {
            (float[] weights, _) = NpyFile.Read(weightsPath);
            IReadOnlyList<string>? names = JsonSerializer.Deserialize(File.ReadAllBytes(featuresPath), CoreJson.Default.IReadOnlyListString);
            return new ContentMap(new ContentFeatures(names ?? []), weights);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or DivideByZeroException)
        {
            throw new InvalidDataException($"{weightsPath} and {featuresPath} are not a content map: {e.Message} Run 'export' again.", e);
        }
    }
}
