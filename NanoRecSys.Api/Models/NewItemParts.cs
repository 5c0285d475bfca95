using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.Api.Models;

/// <summary>A new item's part of the ranker's first layer, from what is known of it: few candidates are new, so it is computed when asked for.</summary>
internal sealed class NewItemParts(string graphPath, ItemFeatures features, int dimension) : IDisposable
{
    private static readonly string[] Inputs = ["item_embeddings", "popularity", "year", "genres", "unknown"];

    private readonly InferenceSession _session = OnnxSession.Open(graphPath);

    /// <param name="item">Of the catalogue's new items.</param>
    /// <param name="part">[H1] to be filled.</param>
    public void Compute(CatalogItem item, Span<float> part)
    {
        var genres = new float[features.Genres.Count];
        features.FlagGenres(item.Genres, genres);
        using OrtValue embedding = OrtValue.CreateTensorValueFromMemory(new float[dimension], [1, dimension]);
        using OrtValue popularity = OrtValue.CreateTensorValueFromMemory(new[] { features.TypicalPopularity }, [1, 1]);
        using OrtValue year = OrtValue.CreateTensorValueFromMemory(new long[] { ItemFeatures.YearBucket(item.Year) }, [1]);
        using OrtValue flags = OrtValue.CreateTensorValueFromMemory(genres, [1, genres.Length]);
        using OrtValue unknown = OrtValue.CreateTensorValueFromMemory(new float[] { 1 }, [1, 1]);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(options, Inputs, [embedding, popularity, year, flags, unknown], ["item_part"]);
        outputs[0].GetTensorDataAsSpan<float>().CopyTo(part);
    }

    public void Dispose() => _session.Dispose();
}
