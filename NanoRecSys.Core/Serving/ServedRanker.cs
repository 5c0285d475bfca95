using System.Buffers;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Core.Serving;

/// <summary>
/// The ranker: scores a user's candidates from embeddings, content and the history. The part that depends only on the item
/// was computed when the version was published. Safe for concurrent calls.
/// </summary>
internal sealed class ServedRanker : IDisposable
{
    private readonly OnnxRanker _graphs;
    private readonly SignalReader _signals;
    private readonly ItemFeatures _features;
    private readonly ItemVectors _items; // [V, D]
    private readonly float[] _itemParts; // [V, H1]
    private readonly int _width; // H1
    private readonly float _retrieverWeight;

    /// <exception cref="ArtifactException">The ranker was published for a different set of items.</exception>
    public ServedRanker(ArtifactVersion version, RankerInfo info, ItemFeatures features, ItemVectors items)
    {
        (_itemParts, _width) = NpyFile.Read(version.PathOf(info.Parts.ItemParts));
        if (_itemParts.Length / _width != items.Count)
        {
            throw new ArtifactException(
                $"The ranker was published for {_itemParts.Length / _width} items, the model has {items.Count}. Run 'export' and 'publish' again.");
        }

        _features = features;
        _items = items;
        _signals = new SignalReader(info.Signals, features, items.Values, items.Dimension);
        _retrieverWeight = (float)info.RetrieverWeight;
        _graphs = new OnnxRanker(version.PathOf(info.Parts.Items), version.PathOf(info.Parts.Candidates));
    }

    /// <param name="catalog">Catalog of the candidates; new ones are ranked by their data.</param>
    /// <param name="user">[D], unit length.</param>
    /// <param name="history">Item rows, oldest first; the signals compare candidates with it.</param>
    /// <param name="candidates">[C] with the retriever's cosines.</param>
    /// <returns>[C] logit + weight * cosine; <see cref="Squash"/> turns it into a served score.</returns>
    public float[] Score(ServedCatalog catalog, float[] user, ReadOnlySpan<int> history, ReadOnlySpan<Candidate> candidates)
    {
        (int count, int dimension, int signalCount) = (candidates.Length, user.Length, _signals.Count);
        // Pooled: 300 KB per request at the reference size would go to the large object heap, which only full collections clean.
        using IMemoryOwner<float> embeddingsOwner = MemoryPool<float>.Shared.Rent(count * dimension);
        using IMemoryOwner<float> partsOwner = MemoryPool<float>.Shared.Rent(count * _width);
        Memory<float> embeddings = embeddingsOwner.Memory[..(count * dimension)]; // [C, D], zeros for new items
        Memory<float> parts = partsOwner.Memory[..(count * _width)]; // [C, H1]
        float[] signals = signalCount == 0 ? [] : new float[count * signalCount]; // [C, S]
        HistoryProfile? profile = signalCount == 0 ? null : _signals.Summarize(history);
        for (int c = 0; c < count; c++)
        {
            (int row, float cosine) = candidates[c];
            Span<float> embedding = embeddings.Span.Slice(c * dimension, dimension);
            Span<float> part = parts.Span.Slice(c * _width, _width);
            Span<float> itsSignals = signals.AsSpan(c * signalCount, signalCount);
            if (!catalog.IsRead(row))
            {
                CatalogItem item = catalog.ItemAt(row);
                embedding.Clear();
                ComputePart(item, part);
                if (profile is not null)
                {
                    _signals.Read(profile, item, itsSignals);
                }

                continue;
            }

            _items.Row(row).CopyTo(embedding);
            _itemParts.AsSpan(row * _width, _width).CopyTo(part);
            if (profile is not null)
            {
                _signals.Read(profile, row, cosine, itsSignals);
            }
        }

        float[] scores = _graphs.Score(user, embeddings, parts, signals); // [C] logits
        for (int c = 0; c < count; c++)
        {
            scores[c] += _retrieverWeight * candidates[c].Score;
        }

        return scores;
    }

    /// <summary>The sigmoid, which maps to 0..1. Above 17 it is 1 in single precision, so it must not be used for ordering.</summary>
    public static float Squash(float score) => 1 / (1 + MathF.Exp(-score));

    public void Dispose() => _graphs.Dispose();

    // Few candidates are new, so their part of the first layer is computed per request.
    private void ComputePart(CatalogItem item, Span<float> part) => _graphs.ComputeParts(_features.ReadNew(item, _items.Dimension), part);
}
