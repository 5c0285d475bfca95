using System.Collections.Concurrent;
using System.Numerics.Tensors;

namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// The scores of linear item-item models, added to the cosines of a vector search: cosine + sum of weight * score / rms, where rms is
/// the root mean square of the user's scores over the catalog, which puts all users on one scale. Safe for concurrent calls.
/// </summary>
/// <remarks>
/// <see cref="Search"/> finds the same items as sorting the result of <see cref="AddToAll"/>, provided that the index is exact: an item
/// without a list score that is not among the K nearest ranks behind all of them, because list scores are not negative. Items added after
/// the lists were computed keep the rank of their estimated cosine.
/// </remarks>
/// <param name="lists">At least one, all for the same items.</param>
/// <param name="weights">One for each list, above 0.</param>
internal sealed class ItemBlend(IReadOnlyList<ItemLists> lists, IReadOnlyList<double> weights) : IDisposable
{
    private readonly int _touched = (int)Math.Min(lists[0].Count, lists.Sum(list => (long)list.MostTouched));
    private readonly ConcurrentBag<Scratch> _unused = [];

    public int Count => lists[0].Count; // V
    public IEnumerable<ItemBlend> Parts => lists.Zip(weights, (list, weight) => new ItemBlend([list], [weight])); // each list alone; valid while this blend is

    /// <summary>Maps the lists of a published version; disposing the blend unmaps them.</summary>
    /// <exception cref="InvalidDataException">A file is damaged, or the lists are for different items.</exception>
    public static ItemBlend Open(string folder, IReadOnlyList<ItemListInfo> infos)
    {
        ItemLists[] lists = [.. infos.Select(info => ItemLists.Map(Path.Combine(folder, info.File), info.Decay))];
        return lists.All(list => list.Count == lists[0].Count)
            ? new ItemBlend(lists, [.. infos.Select(info => info.Weight)])
            : throw new InvalidDataException($"The item lists have {string.Join(" and ", lists.Select(list => list.Count))} rows.");
    }

    /// <param name="history">Item rows, oldest first.</param>
    /// <param name="scores">[V] cosines.</param>
    public void AddToAll(ReadOnlySpan<int> history, Span<float> scores)
    {
        Scratch scratch = Score(history);
        foreach (int row in scratch.Rows)
        {
            scores[row] += scratch.Scores[row];
        }

        Return(scratch);
    }

    /// <param name="history">Item rows, oldest first.</param>
    /// <param name="rows">[C]</param>
    /// <param name="scores">[C] cosines of these rows.</param>
    public void AddTo(ReadOnlySpan<int> history, ReadOnlySpan<int> rows, Span<float> scores)
    {
        Scratch scratch = Score(history);
        for (int c = 0; c < rows.Length; c++)
        {
            scores[c] += rows[c] < Count ? scratch.Scores[rows[c]] : 0; // new items are not in any list
        }

        Return(scratch);
    }

    /// <param name="history">Item rows, oldest first.</param>
    /// <param name="user">[D]</param>
    /// <param name="vectors">[V, D] embeddings of the items in the lists.</param>
    /// <param name="filter">Which rows may be returned.</param>
    /// <param name="nearest">[K] the index's best rows by cosine with this filter; shorter if there are fewer.</param>
    /// <param name="best">[K] receives the best rows by the blend.</param>
    public int Search(
        ReadOnlySpan<int> history, ReadOnlySpan<float> user, ReadOnlySpan<float> vectors, RowFilter filter, ReadOnlySpan<Candidate> nearest, Span<Candidate> best)
    {
        Scratch scratch = Score(history);
        var top = new TopK(best);
        bool hasNew = false;
        foreach ((int row, float cosine) in nearest)
        {
            if (row < Count)
            {
                top.Offer(row, cosine + scratch.Scores[row]);
                scratch.Scores[row] = 0; // already offered
            }
            else
            {
                hasNew = true;
            }
        }

        // If the index returned as many rows as requested, any other row is no nearer than its last one, except for rounding.
        float farthest = nearest.Length == best.Length && best.Length > 0 ? nearest[^1].Score + 1e-4f : float.PositiveInfinity;
        foreach (int row in scratch.Rows)
        {
            float score = scratch.Scores[row];
            if (score > 0 && score + farthest >= top.Threshold && filter.Admits(row))
            {
                top.Offer(row, score + TensorPrimitives.Dot(user, vectors.Slice(row * user.Length, user.Length)));
            }
        }

        Return(scratch);
        int found = top.SortBestFirst();
        return hasNew ? PlaceNew(nearest, best, found) : found;
    }

    public void Dispose()
    {
        foreach (ItemLists list in lists)
        {
            list.Dispose();
        }
    }

    // Each new item takes the rank that it has among the nearest, with the score of the known item there.
    private int PlaceNew(ReadOnlySpan<Candidate> nearest, Span<Candidate> best, int found)
    {
        Candidate[] known = best[..found].ToArray();
        var top = new TopK(best);
        foreach ((int row, float score) in known)
        {
            top.Offer(row, score);
        }

        for (int place = 0; place < nearest.Length; place++)
        {
            (int row, float cosine) = nearest[place];
            if (row >= Count)
            {
                top.Offer(row, found == 0 ? cosine : known[Math.Min(place, found - 1)].Score);
            }
        }

        return top.SortBestFirst();
    }

    private Scratch Score(ReadOnlySpan<int> history)
    {
        Scratch scratch = _unused.TryTake(out Scratch? used) ? used : new Scratch(Count, _touched);
        for (int i = 0; i < lists.Count; i++)
        {
            scratch.Add(lists[i], history, (float)weights[i]);
        }

        return scratch;
    }

    private void Return(Scratch scratch)
    {
        scratch.Clear();
        _unused.Add(scratch);
    }

    /// <summary>Used by one request at a time; all zeros between two.</summary>
    private sealed class Scratch(int items, int touched)
    {
        private readonly float[] _own = new float[items]; // scores of one list
        private readonly int[] _ownRows = new int[touched];
        private readonly int[] _rows = new int[touched];
        private int _count;

        public float[] Scores { get; } = new float[items]; // [V]
        public ReadOnlySpan<int> Rows => _rows.AsSpan(0, _count); // all rows that may be above zero

        public void Add(ItemLists list, ReadOnlySpan<int> history, float weight)
        {
            ReadOnlySpan<int> rows = _ownRows.AsSpan(0, list.Add(history, _own, _ownRows));
            double squares = 0;
            foreach (int row in rows)
            {
                squares += _own[row] * _own[row];
            }

            float scale = squares > 0 ? weight / (float)Math.Sqrt(squares / items) : 0;
            foreach (int row in rows)
            {
                if (Scores[row] == 0)
                {
                    _rows[_count++] = row;
                }

                Scores[row] += scale * _own[row];
                _own[row] = 0;
            }
        }

        public void Clear()
        {
            foreach (int row in Rows)
            {
                Scores[row] = 0;
            }

            _count = 0;
        }
    }
}
