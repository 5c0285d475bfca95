namespace NanoRecSys.Core.Retrieval;

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
        using FileStream stream = File.OpenRead(path);
        NpyHeader header = NpyHeader.Read(stream, path, NpyHeader.Float32, sizeof(float));
        var file = new MappedFile(stream);
        return new ItemLists(file.Column<float>(stream.Position, checked((int)(header.Rows * header.Columns))), header.Columns, (float)decay, file).RequireRows(path);
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
