using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>Ranks items that were removed from the data before training, for the users who interacted with them: by the content map alone, and with
/// the ranker or the item lists as in serving.</summary>
internal static class HeldOutItemsRanking
{
    private const int Candidates = 100;
    private const int UsersPerBatch = 128;

    /// <param name="network">The ranker, trained without them; null if there is none.</param>
    /// <param name="blend">The race's choice, without them; null if it chose no lists.</param>
    public static HeldOutItemsReport Measure(
        RetrieverNetwork tower, RankerNetwork? network, ItemBlend? blend, PreparedData data, HeldOutItems heldOut, StepContext context)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var encoder = new UserEncoder(tower);
        int known = data.Catalog.Count;
        int typical = new ItemFeatures(data.Catalog, ItemLayout.Empty).TypicalCount; // as in serving
        var catalog = new Catalog([.. data.Catalog.Items, .. heldOut.Items.Select(item => item with { Index = known + item.Index, Count = typical })]);
        ContentMapFit fit = ContentMapFit.Make(data.Catalog, data.TrainCounts, encoder.ItemEmbeddings);
        float[] estimated = [.. heldOut.Items.SelectMany(item => fit.Map.Embed(item))];
        float[] vectors = encoder.ItemEmbeddings.cpu().data<float>().ToArray(); // [V, D]
        Tensor items = cat([encoder.ItemEmbeddings.cpu(), tensor(estimated, [heldOut.Items.Count, fit.Map.Dimension])], 0); // [V + N, D]
        using CandidateRanker? ranker = network is null ? null : new CandidateRanker(network, items, catalog);
        var byMap = new Ranks();
        var served = new Ranks();
        var byLists = new Ranks();
        foreach (HeldOutItemCase[] batch in heldOut.Cases.Chunk(UsersPerBatch))
        {
            context.Cancellation.ThrowIfCancellationRequested();
            using var batchScope = NewDisposeScope();
            TimedHistory[] histories = [.. batch.Select(held => data.Split.Prefix(data.Histories.PositionOf(held.UserId), held.Known))];
            int[] targets = [.. batch.Select(held => RowOf(catalog, held.ItemId))];
            Tensor users = encoder.Encode(histories).cpu(); // [B, D]
            Tensor cosines = users.matmul(items.t()); // [B, V + N]
            ReadOnlySpan<float> scores = MemoryMarshal.Cast<byte, float>(cosines.bytes);
            ReadOnlySpan<float> embeddings = MemoryMarshal.Cast<byte, float>(users.bytes);
            var found = new UserCandidates[batch.Length];
            for (int b = 0; b < batch.Length; b++)
            {
                ReadOnlySpan<float> own = scores.Slice(b * catalog.Count, catalog.Count);
                byMap.Add(own, targets[b], histories[b].Items.Span, known);
                var excluded = new RowSet(catalog.Count);
                excluded.AddRange(histories[b].Items.Span);
                Candidate[] best = [.. UserCandidates.Best(own, excluded, new Candidate[Candidates])];
                float[] user = embeddings.Slice(b * fit.Map.Dimension, fit.Map.Dimension).ToArray();
                if (blend is not null)
                {
                    var list = new Candidate[Candidates];
                    int count = blend.Search(histories[b].Items.Span, user, vectors, new RowFilter(excluded), best, list);
                    byLists.Add(list[..count], targets[b], known);
                }

                found[b] = UserCandidates.Of(histories[b].Items, user, best);
            }

            if (ranker is not null)
            {
                served.Add(ranker.Rank(found, known), targets, network!.Model.RetrieverWeight, known);
            }
        }

        int seen = (int)heldOut.Cases.Average(held => held.Known);
        List<HeldOutItemsResult> results = [Random(catalog.Count - seen, heldOut.Items.Count), byMap.Of("content map")];
        if (ranker is not null)
        {
            results.Add(served.Of("content map and ranker"));
        }

        if (blend is not null)
        {
            results.Add(byLists.Of("content map and item lists"));
        }

        return new HeldOutItemsReport(heldOut.Cases.Count, known, heldOut.Items.Count, fit.HeldOutCosine, results);
    }

    private static int RowOf(Catalog catalog, EntityId id) => catalog.TryFind(id, out int row)
        ? row
        : throw new UserErrorException($"Item {id} of {HeldOutItems.FileName} is not among its items. Run 'prepare' again.");

    /// <summary>Expected result of a random order.</summary>
    private static HeldOutItemsResult Random(int all, int fresh)
    {
        return new HeldOutItemsResult("random order", Of(all), Of(fresh));

        static Dictionary<string, double> Of(int items) =>
            RankingMetrics.Cutoffs.ToDictionary(k => $"hr@{k}", k => Math.Min(1, (double)k / Math.Max(1, items)));
    }

    private sealed class Ranks
    {
        private readonly List<int> _amongAll = [];
        private readonly List<int> _amongNew = [];

        public void Add(ReadOnlySpan<float> scores, int target, ReadOnlySpan<int> history, int known)
        {
            _amongAll.Add(TargetRank.Of(scores, target, history.ToArray().Distinct().ToArray()));
            _amongNew.Add(TargetRank.Of(scores[known..], target - known, []));
        }

        public void Add(Candidate[] list, int target, int known)
        {
            _amongAll.Add(PlaceOf(list));
            _amongNew.Add(PlaceOf([.. list.Where(candidate => candidate.Row >= known)]));

            int PlaceOf(Candidate[] places) => Array.FindIndex(places, place => place.Row == target) is var at and >= 0 ? at + 1 : int.MaxValue;
        }

        public void Add(CandidateList[] lists, int[] targets, double weight, int known)
        {
            for (int b = 0; b < lists.Length; b++)
            {
                CandidateList list = lists[b];
                int[] old = [.. Enumerable.Range(0, list.Rows.Length).Where(place => list.Rows[place] < known)];
                _amongAll.Add(list.RankOf(targets[b], weight));
                _amongNew.Add(list.RankOf(targets[b], weight, old));
            }
        }

        public HeldOutItemsResult Of(string model) => new(model, RankingMetrics.Of(_amongAll), RankingMetrics.Of(_amongNew));
    }
}

/// <summary>Area under the ROC curve: the chance that a positive scores higher than a negative.</summary>
internal static class Auc
{
    /// <param name="scores">[N]</param>
    /// <param name="isPositive">[N]</param>
    /// <returns>0..1; ties count half; 0.5 if one class is absent.</returns>
    public static double Of(ReadOnlySpan<float> scores, ReadOnlySpan<bool> isPositive)
    {
        float[] sorted = scores.ToArray();
        bool[] labels = isPositive.ToArray();
        Array.Sort(sorted, labels);
        double rankSum = 0;
        long positives = 0;
        for (int start = 0; start < sorted.Length;)
        {
            int end = start;
            int tiedPositives = 0;
            while (end < sorted.Length && sorted[end].Equals(sorted[start])) // unlike ==, Equals treats NaN as equal to itself
            {
                tiedPositives += labels[end++] ? 1 : 0;
            }

            rankSum += tiedPositives * (start + 1 + end) / 2.0; // 1-based ranks start + 1 .. end, averaged
            positives += tiedPositives;
            start = end;
        }

        long negatives = sorted.Length - positives;
        return positives == 0 || negatives == 0 ? 0.5 : (rankSum - positives * (positives + 1) / 2.0) / (positives * (double)negatives);
    }
}
