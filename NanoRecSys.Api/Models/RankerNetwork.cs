using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Models;

/// <summary>The second stage: scores a user's candidates from embeddings and content. Safe for concurrent calls.</summary>
public sealed class RankerNetwork : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string[] _outputs;
    private readonly float _retrieverWeight;
    private readonly ItemFeatures _features;
    private readonly ItemVectors _items;

    internal RankerNetwork(ArtifactVersion version, RankerInfo info, ItemFeatures features, ItemVectors items)
    {
        _session = OnnxSession.Open(version.PathOf(info.Onnx.File));
        _outputs = [info.Onnx.Outputs.Single().Name];
        _retrieverWeight = (float)info.RetrieverWeight;
        _features = features;
        _items = items;
    }

    /// <param name="user">[D], of length 1.</param>
    /// <param name="candidates">[C] with the retriever's cosines.</param>
    /// <param name="newItems">Those of the candidates that are new are ranked by what is known of them; null where none are.</param>
    /// <returns>[C] scores in 0..1: sigmoid(logit + weight * cosine).</returns>
    public float[] Score(float[] user, ReadOnlySpan<Candidate> candidates, NewItems? newItems = null)
    {
        ArgumentNullException.ThrowIfNull(user);
        int count = candidates.Length;
        int genres = _features.Genres.Count;
        var embeddings = new float[count * user.Length]; // [C, D]
        var popularity = new float[count]; // [C, 1]
        var years = new long[count]; // [C]
        var genreFlags = new float[count * genres]; // [C, G]
        var unknown = new float[count]; // [C, 1], 1: the embedding does not count, as for items that training has not seen
        for (int i = 0; i < count; i++)
        {
            int row = candidates[i].Row;
            Span<float> flags = genreFlags.AsSpan(i * genres, genres);
            if (newItems?.Holds(row) == true)
            {
                CatalogItem item = newItems.At(row);
                unknown[i] = 1;
                years[i] = ItemFeatures.YearBucket(item.Year);
                _features.FlagGenres(item.Genres, flags);
                continue;
            }

            _items.Row(row).CopyTo(embeddings.AsSpan(i * user.Length));
            popularity[i] = _features.Popularity[row];
            years[i] = _features.Years[row];
            _features.GenresOf(row).CopyTo(flags);
        }

        using OrtValue userValue = OrtValue.CreateTensorValueFromMemory(user, [1, user.Length]);
        using OrtValue embeddingsValue = OrtValue.CreateTensorValueFromMemory(embeddings, [count, user.Length]);
        using OrtValue popularityValue = OrtValue.CreateTensorValueFromMemory(popularity, [count, 1]);
        using OrtValue yearsValue = OrtValue.CreateTensorValueFromMemory(years, [count]);
        using OrtValue genresValue = OrtValue.CreateTensorValueFromMemory(genreFlags, [count, genres]);
        using OrtValue unknownValue = OrtValue.CreateTensorValueFromMemory(unknown, [count, 1]);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(
            options,
            ["user_embedding", "item_embeddings", "popularity", "year", "genres", "unknown"],
            [userValue, embeddingsValue, popularityValue, yearsValue, genresValue, unknownValue],
            _outputs);
        return Fuse(outputs[0].GetTensorDataAsSpan<float>(), candidates);
    }

    public void Dispose() => _session.Dispose();

    // logits: [C]
    private float[] Fuse(ReadOnlySpan<float> logits, ReadOnlySpan<Candidate> candidates)
    {
        var scores = new float[candidates.Length];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = 1 / (1 + MathF.Exp(-(logits[i] + _retrieverWeight * candidates[i].Score)));
        }

        return scores;
    }
}
