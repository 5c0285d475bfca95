using System.Buffers;
using System.Numerics.Tensors;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Core.Serving;

/// <summary>The computing stages of a request: from a history to the list. The API runs and times them one by one, batch jobs all at once.</summary>
internal static class Recommender
{
    /// <summary>Number of ranked candidates unless a setting or a longer list requires another number.</summary>
    public const int DefaultCandidates = 100;

    /// <summary>Candidates per place in a reordered list, so that there is something to choose from.</summary>
    private const int CandidatesPerPlace = 10;

    /// <summary>A long list has enough to choose from.</summary>
    private const int MostToChooseFrom = 1000;

    /// <summary>All stages: recommendations for a user with a history, popular items for one without.</summary>
    /// <returns>At most K, with the served scores.</returns>
    public static Candidate[] Recommend(ServedCatalog catalog, History history, RecommendationRequest request, ListRules rules)
    {
        if (history.EmptyReason is not null)
        {
            return Arrange(catalog, Popular(catalog, history, request, rules), request, rules);
        }

        float[] user = Encode(catalog, history); // [D]
        Candidate[] candidates = Retrieve(catalog, user, history, request, rules, DefaultCandidates); // [C]
        return Arrange(catalog, Rank(catalog, user, history, candidates, rules), request, rules);
    }

    /// <summary>
    /// Stage <c>encode</c>: turns a history into the user's embedding, or looks up the one computed at publish. If the user tower cannot read
    /// the item in view, the item's embedding is averaged with the user's.
    /// </summary>
    /// <returns>[D], unit length.</returns>
    public static float[] Encode(ServedCatalog catalog, History history)
    {
        ModelSnapshot model = catalog.Model;
        if (history.PublishedAt is { } position && model.UserEmbeddings is { } known)
        {
            return known.Row(position);
        }

        if (history.NewInView is not { } row)
        {
            return model.UserTowers.Served.Encode(history.Timed);
        }

        float[] user = catalog.EmbeddingOf(row).ToArray();
        if (history.Rows.Length > 0)
        {
            TensorPrimitives.Add(user, model.UserTowers.Served.Encode(history.Timed), user);
            TensorPrimitives.Divide(user, Math.Max(TensorPrimitives.Norm<float>(user), float.Epsilon), user);
        }

        return user;
    }

    /// <summary>
    /// Stage <c>retrieve</c>: the items nearest to the user that are not in the history; with a blend, those with the highest sum of the
    /// cosine and the item-item models' scores for the history.
    /// </summary>
    /// <param name="catalog">The items to search, including new ones.</param>
    /// <param name="user">[D]</param>
    /// <param name="history">Its items are excluded inside the search, before the best ones are taken.</param>
    /// <param name="rules">The filter works inside the search, too; pinned items are candidates regardless of it.</param>
    /// <param name="candidates">Minimum number to retrieve.</param>
    /// <returns>Best first; fewer than requested only if the catalog has no more.</returns>
    public static Candidate[] Retrieve(ServedCatalog catalog, float[] user, History history, RecommendationRequest request, ListRules rules, int candidates)
    {
        var nearest = new Candidate[Math.Min(catalog.Count, Math.Max(Wanted(request), candidates))]; // [C]
        RowFilter filter = Unseen(catalog, history, rules);
        int found = catalog.Index.Search(user, filter, nearest);
        if (catalog.Model.Blend is not { } blend)
        {
            return WithPins(nearest[..found], rules, Cosine);
        }

        var best = new Candidate[nearest.Length]; // [C]
        found = blend.Search(history.Rows, user, catalog.Model.Items.Values.Span, filter, nearest.AsSpan(0, found), best);
        return WithPins(best[..found], rules, row =>
        {
            float[] score = [Cosine(row)];
            blend.AddTo(history.Rows, [row], score);
            return score[0];
        });

        float Cosine(int row) => TensorPrimitives.Dot(user, catalog.EmbeddingOf(row));
    }

    /// <summary>Items that may be recommended: available, allowed by the rules, and not in the history.</summary>
    public static RowFilter Unseen(ServedCatalog catalog, History history, ListRules rules)
    {
        var excluded = new RowSet(catalog.Count);
        excluded.AddRange(history.Rows);
        excluded.AddRange([.. history.Excluded]);
        if (catalog.Availability.Unavailable is { } unavailable)
        {
            excluded.UnionWith(unavailable);
        }

        return new RowFilter(excluded, rules.Allowed);
    }

    /// <summary>Stage <c>rank</c>: rescores the candidates; without a ranker the retrieval scores are used.</summary>
    /// <param name="user">[D]</param>
    /// <param name="candidates">[C] trained and new items, with their cosines.</param>
    /// <param name="rules">
    /// A boost multiplies an item's odds: its logarithm is added to the logit, whose sigmoid is the score. A cosine counts as odds of
    /// (1 + cosine) : (1 - cosine).
    /// </param>
    /// <returns>[C] with the served scores, best first; equal scores by row.</returns>
    public static Candidate[] Rank(ServedCatalog catalog, float[] user, History history, Candidate[] candidates, ListRules rules)
    {
        if (candidates.Length == 0)
        {
            return candidates;
        }

        ModelSnapshot model = catalog.Model;
        float[] scores = model.Ranker is { } ranker
            ? ranker.Score(catalog, user, history.Rows, candidates) // [C]
            : Array.ConvertAll(candidates, candidate => candidate.Score);
        for (int c = 0; rules.Boosts.Count > 0 && c < scores.Length; c++)
        {
            scores[c] = Boosted(model, scores[c], rules.FactorOf(candidates[c].Row));
        }

        return [.. candidates.Select((candidate, i) => candidate with { Score = scores[i] })
            .OrderByDescending(candidate => candidate.Score).ThenBy(candidate => candidate.Row)
            .Select(candidate => candidate with { Score = model.ToScore(candidate.Score) })];
    }

    /// <summary>
    /// The fallback: items that users start with, for a new user; the most popular items, if the model cannot be used.
    /// </summary>
    /// <returns>The most popular items that pass the filters, outside the history; score = log(1 + weight) / log(1 + largest weight), 0..1.</returns>
    public static Candidate[] Popular(ServedCatalog catalog, History history, RecommendationRequest request, ListRules rules)
    {
        ModelSnapshot model = catalog.Model;
        bool isNew = history.EmptyReason is not null;
        HashSet<int> seen = [.. history.Rows, .. history.Excluded];
        float logMost = MathF.Log((float)(1 + (isNew ? model.FirstItems.Most : model.MostPopularity)));
        float ScoreOf(int row) => logMost > 0 ? MathF.Log((float)(1 + (isNew ? model.FirstItems.WeightOf(row) : catalog.ItemAt(row).Popularity))) / logMost : 0;
        Candidate[] popular = WithPins(
            [.. (isNew ? model.FirstItems.ByWeight : model.ByPopularity)
                .Concat(Enumerable.Range(catalog.FirstRow, catalog.Count - catalog.FirstRow)) // no user has had them yet
                .Where(row => !seen.Contains(row) && rules.Allowed?.Contains(row) != false && catalog.Availability.Unavailable?.Contains(row) != true)
                .Take(Wanted(request))
                .Select(row => new Candidate(row, ScoreOf(row)))],
            rules, ScoreOf);
        return rules.Boosts.Count == 0 ? popular
            : [.. popular.Select(candidate => candidate with { Score = candidate.Score * (float)rules.FactorOf(candidate.Row) }).OrderByDescending(candidate => candidate.Score)];
    }

    /// <summary>The requested part of the list: pinned items at their positions, the others in order, or reordered.</summary>
    /// <param name="ranked">[C], best first.</param>
    /// <param name="request">K, the offset, and the weights for reordering.</param>
    /// <returns>At most K. The scores are those of the ranking.</returns>
    public static Candidate[] Arrange(ServedCatalog catalog, Candidate[] ranked, RecommendationRequest request, ListRules rules)
    {
        if (rules.Pins.Count == 0)
        {
            Candidate[] ordered = Reorder(catalog, ranked, request);
            return request.Offset == 0 ? ordered : [.. ordered.Skip(request.Offset)];
        }

        List<Candidate> list = [.. Reorder(catalog, [.. ranked.Where(candidate => !rules.IsPinned(candidate.Row))], request)];
        foreach ((int row, int position, _) in rules.Pins)
        {
            list.Insert(Math.Min(position - 1, list.Count), ranked.First(candidate => candidate.Row == row));
        }

        return [.. list.Skip(request.Offset).Take(request.K)];
    }

    // Takes the first ranked candidates, or others with diversity or a popularity penalty.
    private static Candidate[] Reorder(ServedCatalog catalog, Candidate[] ranked, RecommendationRequest request)
    {
        if (!request.IsReordered || ranked.Length == 0)
        {
            return ranked[..Math.Min(request.Reach, ranked.Length)];
        }

        double[] worth = Worth(catalog, ranked, request.PopularityPenalty); // [C]
        var nearest = new double[ranked.Length]; // [C] largest cosine with a chosen one
        var taken = new bool[ranked.Length];
        var chosen = new Candidate[Math.Min(request.Reach, ranked.Length)];
        for (int place = 0; place < chosen.Length; place++)
        {
            int best = -1;
            double most = double.NegativeInfinity;
            for (int c = 0; c < ranked.Length; c++)
            {
                double value = (1 - request.Diversity) * worth[c] - request.Diversity * nearest[c];
                if (!taken[c] && value > most)
                {
                    (best, most) = (c, value);
                }
            }

            taken[best] = true;
            chosen[place] = ranked[best];
            ReadOnlySpan<float> embedding = catalog.EmbeddingOf(ranked[best].Row);
            for (int c = 0; request.Diversity > 0 && c < ranked.Length; c++)
            {
                double cosine = TensorPrimitives.Dot(embedding, catalog.EmbeddingOf(ranked[c].Row));
                nearest[c] = place == 0 ? cosine : Math.Max(nearest[c], cosine);
            }
        }

        return chosen;
    }

    private static int Wanted(RecommendationRequest request) => request.IsReordered || request.Boosts.Count > 0 || request.Rules?.Boosts == true
        ? Math.Max(request.Reach, Math.Min(request.Reach * CandidatesPerPlace, MostToChooseFrom))
        : request.Reach;

    private static Candidate[] WithPins(Candidate[] candidates, ListRules rules, Func<int, float> scoreOf)
    {
        if (rules.Pins.Count == 0)
        {
            return candidates;
        }

        HashSet<int> rows = [.. candidates.Select(candidate => candidate.Row)];
        return [.. candidates, .. rules.Pins.Where(pin => !rows.Contains(pin.Row)).Select(pin => new Candidate(pin.Row, scoreOf(pin.Row)))];
    }

    // Multiplies a score's odds by the factor: odds of a probability, or of a cosine's share of its range.
    private static float Boosted(ModelSnapshot model, float value, double factor)
    {
        if (factor == 1)
        {
            return value;
        }

        if (model.Artifacts.Manifest.Calibration is { } calibration)
        {
            return value + (float)(Math.Log(factor) / calibration.Slope);
        }

        if (model.Ranker is not null || model.Blend is not null)
        {
            return value + (float)Math.Log(factor);
        }

        (double with, double without) = (factor * (1 + value), 1 - value);
        return with + without <= 0 ? value : (float)((with - without) / (with + without));
    }

    // Scores relative to their span, so that both weights mean the same for cosines and for sigmoids.
    private static double[] Worth(ServedCatalog catalog, Candidate[] ranked, double popularityPenalty)
    {
        double low = ranked.Min(candidate => candidate.Score);
        double span = Math.Max(ranked.Max(candidate => candidate.Score) - low, 1e-9);
        double logMax = Math.Log(1 + catalog.Model.Catalog.MostInteractions);
        return [.. ranked.Select(candidate =>
        {
            double popularity = logMax > 0 ? Math.Log(1 + catalog.ItemAt(candidate.Row).Count) / logMax : 0;
            return (candidate.Score - low) / span - popularityPenalty * popularity;
        })];
    }
}

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
            if (catalog.IsRead(row))
            {
                _items.Row(row).CopyTo(embedding);
                _itemParts.AsSpan(row * _width, _width).CopyTo(part);
                if (profile is not null)
                {
                    _signals.Read(profile, row, cosine, itsSignals);
                }
            }
            else // few candidates are new, so their part of the first layer is computed per request
            {
                CatalogItem item = catalog.ItemAt(row);
                embedding.Clear();
                _graphs.ComputeParts(_features.ReadNew(item, _items.Dimension), part);
                if (profile is not null)
                {
                    _signals.Read(profile, item, itsSignals);
                }
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
}
