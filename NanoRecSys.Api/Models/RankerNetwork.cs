using System.Buffers;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Models;

/// <summary>
/// The second stage: scores a user's candidates from embeddings, content and the history. What depends on an item alone
/// was computed when the version was published. Safe for concurrent calls.
/// </summary>
internal sealed class RankerNetwork : IDisposable
{
    private readonly InferenceSession _candidates;
    private readonly NewItemParts _newItems;
    private readonly CandidateSignals _signals;
    private readonly string[] _inputs;
    private readonly float _retrieverWeight;
    private readonly ItemVectors _items; // [V, D]
    private readonly float[] _itemParts; // [V, H1]
    private readonly int _width; // H1

    internal RankerNetwork(ArtifactVersion version, RankerInfo info, ItemFeatures features, ItemVectors items)
    {
        _candidates = OnnxSession.Open(version.PathOf(info.Parts.Candidates));
        _items = items;
        (_itemParts, _width) = NpyFile.Read(version.PathOf(info.Parts.ItemParts));
        if (_itemParts.Length / _width != items.Count)
        {
            throw new ArtifactException($"The ranker was published for {_itemParts.Length / _width} items, the model has {items.Count}. Run 'export' and 'publish' again.");
        }

        _newItems = new NewItemParts(version.PathOf(info.Parts.Items), features, items.Dimension);
        _signals = new CandidateSignals(info.Signals, features, items);
        _inputs = ["user_embedding", "item_embeddings", "item_part", .. info.Signals.Count > 0 ? ["signals"] : Array.Empty<string>()];
        _retrieverWeight = (float)info.RetrieverWeight;
    }

    /// <param name="user">[D], of length 1.</param>
    /// <param name="history">Item rows, oldest first; the signals compare candidates with it.</param>
    /// <param name="candidates">[C] with the retriever's cosines.</param>
    /// <param name="newItems">Those of the candidates that are new are ranked by what is known of them; null where none are.</param>
    /// <returns>[C] logit + weight * cosine; <see cref="Squash"/> makes a served score of it.</returns>
    public float[] Score(float[] user, ReadOnlySpan<int> history, ReadOnlySpan<Candidate> candidates, NewItems? newItems = null)
    {
        (int count, int dimension) = (candidates.Length, user.Length);
        // Lent: 300 KB a request at the reference size would go to the large object heap, which only full collections clean.
        using IMemoryOwner<float> lentEmbeddings = MemoryPool<float>.Shared.Rent(count * dimension);
        using IMemoryOwner<float> lentParts = MemoryPool<float>.Shared.Rent(count * _width);
        Memory<float> embeddings = lentEmbeddings.Memory[..(count * dimension)]; // [C, D], zeros for new items
        Memory<float> parts = lentParts.Memory[..(count * _width)]; // [C, H1]
        for (int i = 0; i < count; i++)
        {
            int row = candidates[i].Row;
            Span<float> part = parts.Span.Slice(i * _width, _width);
            Span<float> embedding = embeddings.Span.Slice(i * dimension, dimension);
            if (newItems?.Holds(row) == true)
            {
                embedding.Clear();
                _newItems.Compute(newItems.At(row), part);
                continue;
            }

            _items.Row(row).CopyTo(embedding);
            _itemParts.AsSpan(row * _width, _width).CopyTo(part);
        }

        using OrtValue userValue = OrtValue.CreateTensorValueFromMemory(user, [1, dimension]);
        using OrtValue embeddingsValue = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, embeddings, [count, dimension]);
        using OrtValue partsValue = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, parts, [count, _width]);
        using OrtValue? signals = _signals.Count == 0 ? null : OrtValue.CreateTensorValueFromMemory(_signals.Read(history, candidates, newItems), [count, _signals.Count]);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _candidates.Run(
            options, _inputs, signals is null ? [userValue, embeddingsValue, partsValue] : [userValue, embeddingsValue, partsValue, signals], ["logits"]);
        return Fuse(outputs[0].GetTensorDataAsSpan<float>(), candidates);
    }

    /// <summary>The sigmoid: into 0..1. Beyond 17 it is 1 in single precision, so nothing is put in order by it.</summary>
    public static float Squash(float score) => 1 / (1 + MathF.Exp(-score));

    public void Dispose()
    {
        _candidates.Dispose();
        _newItems.Dispose();
    }

    // logits: [C]
    private float[] Fuse(ReadOnlySpan<float> logits, ReadOnlySpan<Candidate> candidates)
    {
        var scores = new float[candidates.Length];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = logits[i] + _retrieverWeight * candidates[i].Score;
        }

        return scores;
    }
}

/// <summary>The signals that a ranker names, for trained and new candidates.</summary>
internal sealed class CandidateSignals(IReadOnlyList<string> names, ItemFeatures features, ItemVectors items)
{
    private readonly int[] _columns = [.. names.Select(name => RankerSignals.All.ToList().IndexOf(name))];

    /// <summary>S</summary>
    public int Count => _columns.Length;

    /// <returns>[C, S]; of a new item 0 where its trained embedding would be needed.</returns>
    public float[] Read(ReadOnlySpan<int> history, ReadOnlySpan<Candidate> candidates, NewItems? newItems)
    {
        HistoryProfile profile = HistoryProfile.Of(Trained(history), features, items.Values, items.Dimension);
        var signals = new float[candidates.Length * Count];
        Span<float> all = stackalloc float[RankerSignals.All.Count];
        Span<float> genres = stackalloc float[features.Genres.Count];
        float[] nothing = new float[items.Dimension];
        for (int c = 0; c < candidates.Length; c++)
        {
            (int row, float cosine) = candidates[c];
            if (newItems?.Holds(row) == true)
            {
                CatalogItem item = newItems.At(row);
                genres.Clear();
                features.FlagGenres(item.Genres, genres);
                profile.Compare(0, nothing, genres, item.Year ?? 0, all);
            }
            else
            {
                profile.Compare(cosine, items.Row(row), features.GenresOf(row), features.ReleaseYears[row], all);
            }

            for (int s = 0; s < Count; s++)
            {
                signals[c * Count + s] = all[_columns[s]];
            }
        }

        return signals;
    }

    // What a user had of new items tells the signals nothing: training has not seen them.
    private int[] Trained(ReadOnlySpan<int> history)
    {
        var rows = new List<int>(history.Length);
        foreach (int row in history)
        {
            if (row < items.Count)
            {
                rows.Add(row);
            }
        }

        return [.. rows];
    }
}
