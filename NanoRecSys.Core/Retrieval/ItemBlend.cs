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

/// <summary>
/// A linear item-item model reduced to each item's strongest neighbors: an item's score is the sum, over the history, of its entries in the
/// lists of the history's items, with lower weights for older ones. A matrix of V x N pairs (row, score), in memory or in a mapped file.
/// </summary>
internal sealed class ItemLists : IDisposable
{
    private const float Negligible = 1e-4f; // contributions of still older items are lost in rounding
    private const float NoRow = -1;

    private readonly ReadOnlyMemory<float> _pairs; // [V, N, 2], strongest first, padded with NoRow
    private readonly int _columns; // 2 N
    private readonly MappedFile? _file;

    private ItemLists(ReadOnlyMemory<float> pairs, int columns, float decay, MappedFile? file)
    {
        (_pairs, _columns, _file, Decay) = (pairs, columns, file, decay);
        Count = columns == 0 ? 0 : pairs.Length / columns;
    }

    public int Count { get; } // V
    public float Decay { get; } // weight of an item of the history relative to the one after it
    public int MostTouched => (int)Math.Min(Count, (long)Depth * (_columns / 2)); // maximum number of entries that Add can touch

    /// <summary>Number of latest history items that count.</summary>
    private int Depth => Decay >= 1 ? int.MaxValue / Math.Max(1, _columns) : 1 + (int)(MathF.Log(Negligible) / MathF.Log(Decay));

    /// <param name="lists">[V][at most N] positive scores, strongest first.</param>
    /// <param name="decay">See <see cref="Decay"/>.</param>
    public static ItemLists Of(IReadOnlyList<Candidate[]> lists, double decay)
    {
        int columns = 2 * Math.Max(1, lists.Max(list => list.Length));
        var pairs = new float[(long)lists.Count * columns];
        Array.Fill(pairs, NoRow);
        for (int item = 0; item < lists.Count; item++)
        {
            for (int n = 0; n < lists[item].Length; n++)
            {
                (pairs[item * columns + 2 * n], pairs[item * columns + 2 * n + 1]) = (lists[item][n].Row, lists[item][n].Score);
            }
        }

        return new ItemLists(pairs, columns, (float)decay, null);
    }

    /// <param name="pairs">[V, 2 N] as in <see cref="Pairs"/>.</param>
    /// <param name="columns">2 N</param>
    /// <param name="decay">See <see cref="Decay"/>.</param>
    /// <exception cref="InvalidDataException">A row is not that of an item.</exception>
    public static ItemLists Of(float[] pairs, int columns, double decay) => new ItemLists(pairs, columns, (float)decay, null).RequireRows("The item lists");

    /// <summary>Maps a file written by <see cref="Write"/>; disposing unmaps it.</summary>
    /// <exception cref="InvalidDataException">Not such a matrix, or a row is not that of an item.</exception>
    public static ItemLists Map(string path, double decay)
    {
        (ReadOnlyMemory<float> pairs, int columns, MappedFile file) = NpyFile.Map(path);
        return new ItemLists(pairs, columns, (float)decay, file).RequireRows(path);
    }

    public ReadOnlySpan<float> Pairs => _pairs.Span; // [V, 2 N]
    public int Columns => _columns; // 2 N

    public void Write(string path) => NpyFile.Write(path, Pairs, _columns);

    /// <summary>Adds the scores that a history gives to all items.</summary>
    /// <param name="history">Item rows, oldest first; only the latest count.</param>
    /// <param name="scores">[V] zeros.</param>
    /// <param name="touched">[<see cref="MostTouched"/>] receives the rows that are no longer zero.</param>
    public int Add(ReadOnlySpan<int> history, Span<float> scores, Span<int> touched)
    {
        ReadOnlySpan<float> pairs = _pairs.Span;
        int count = 0;
        float weight = 1;
        for (int t = history.Length - 1; t >= 0 && weight > Negligible; t--, weight *= Decay)
        {
            ReadOnlySpan<float> list = pairs.Slice(history[t] * _columns, _columns);
            for (int n = 0; n < list.Length && list[n] >= 0; n += 2)
            {
                int row = (int)list[n];
                if (scores[row] == 0)
                {
                    touched[count++] = row;
                }

                scores[row] += weight * list[n + 1];
            }
        }

        return count;
    }

    public void Dispose() => _file?.Dispose();

    // Checked here, because rows and scores are used without further checks.
    private ItemLists RequireRows(string name)
    {
        ReadOnlySpan<float> pairs = _pairs.Span;
        for (int i = 0; i < pairs.Length; i += 2)
        {
            if (pairs[i] != NoRow && !(pairs[i] >= 0 && pairs[i] < Count && pairs[i] == MathF.Floor(pairs[i]) && pairs[i + 1] > 0 && float.IsFinite(pairs[i + 1])))
            {
                throw new InvalidDataException($"{name}: item {i / _columns} lists item {pairs[i]} with a score of {pairs[i + 1]}; there are {Count} items, and scores are above 0.");
            }
        }

        return this;
    }
}
