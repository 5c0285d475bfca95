namespace NanoRecSys.Core.Retrieval.Ivf;

/// <summary>
/// Which rows each list holds. Every list starts at a multiple of a block's rows, so that its rows can be compared a
/// block at a time; positions between lists are empty.
/// </summary>
public sealed class InvertedLists
{
    private readonly int[] _starts; // [lists]
    private readonly int[] _sizes; // [lists]
    private readonly int[] _ids; // [positions], -1 where empty

    private InvertedLists(int[] starts, int[] sizes, int[] ids, int rows)
    {
        _starts = starts;
        _sizes = sizes;
        _ids = ids;
        Rows = rows;
    }

    public int Count => _sizes.Length;

    /// <summary>Rows in all lists.</summary>
    public int Rows { get; }

    public int Positions => _ids.Length;

    /// <summary>[Positions] the row at each, -1 where there is none.</summary>
    public ReadOnlySpan<int> Ids => _ids;

    public long Memory => sizeof(int) * (_ids.LongLength + 2L * _sizes.Length);

    public int Start(int list) => _starts[list];

    public int Size(int list) => _sizes[list];

    /// <returns>[Positions] the list of each position, -1 where it is empty.</returns>
    public int[] ListOfPositions()
    {
        var lists = new int[_ids.Length];
        Array.Fill(lists, -1);
        for (int list = 0; list < Count; list++)
        {
            lists.AsSpan(_starts[list], _sizes[list]).Fill(list);
        }

        return lists;
    }

    /// <param name="listOfRow">[rows] the list of each row; rows of a list stay in their order.</param>
    /// <param name="count">Number of lists.</param>
    /// <param name="alignment">Rows of a block.</param>
    public static InvertedLists FromAssignment(ReadOnlySpan<int> listOfRow, int count, int alignment)
    {
        var sizes = new int[count];
        foreach (int list in listOfRow)
        {
            sizes[list]++;
        }

        (int[] starts, int[] ids) = Lay(sizes, alignment);
        var next = (int[])starts.Clone();
        for (int row = 0; row < listOfRow.Length; row++)
        {
            ids[next[listOfRow[row]]++] = row;
        }

        return new InvertedLists(starts, sizes, ids, listOfRow.Length);
    }

    /// <param name="rowsOfLists">[lists][] the rows of each, in their order.</param>
    /// <param name="alignment">Rows of a block.</param>
    /// <exception cref="InvalidDataException">The rows are not 0 to n-1, each once.</exception>
    public static InvertedLists FromLists(IReadOnlyList<long[]> rowsOfLists, int alignment)
    {
        int[] sizes = [.. rowsOfLists.Select(list => list.Length)];
        int rows = checked((int)sizes.Sum(size => (long)size));
        (int[] starts, int[] ids) = Lay(sizes, alignment);
        var seen = new RowSet(rows);
        for (int list = 0; list < sizes.Length; list++)
        {
            for (int i = 0; i < sizes[list]; i++)
            {
                long id = rowsOfLists[list][i];
                if (id < 0 || id >= rows || !seen.Add((int)id))
                {
                    throw new InvalidDataException($"List {list} holds id {id}: the ids of {rows} rows must be 0 to {rows - 1}, each once.");
                }

                ids[starts[list] + i] = (int)id;
            }
        }

        return new InvertedLists(starts, sizes, ids, rows);
    }

    private static (int[] Starts, int[] Ids) Lay(int[] sizes, int alignment)
    {
        var starts = new int[sizes.Length];
        long next = 0;
        for (int list = 0; list < sizes.Length; list++)
        {
            starts[list] = checked((int)next);
            next += (sizes[list] + alignment - 1) / alignment * alignment;
        }

        var ids = new int[checked((int)next)];
        Array.Fill(ids, -1);
        return (starts, ids);
    }
}
