using System.Numerics;

namespace NanoRecSys.Core.Retrieval;

/// <summary>A set of index rows as one bit each; membership is one shift and one mask in the search's inner loop.</summary>
public sealed class RowSet(int rows)
{
    private readonly ulong[] _bits = new ulong[(rows + 63) / 64];

    public int Rows { get; } = rows;

    public int Count { get; private set; }

    /// <summary>Row r is bit r % 64 of word r / 64; bits beyond the last row are never set.</summary>
    public ReadOnlySpan<ulong> Words => _bits;

    public bool Contains(int row) => (_bits[row >> 6] >> (row & 63) & 1) != 0;

    /// <returns>False for a row that was there already.</returns>
    public bool Add(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        ref ulong word = ref _bits[row >> 6];
        ulong bit = 1UL << (row & 63);
        bool isNew = (word & bit) == 0;
        Count += isNew ? 1 : 0;
        word |= bit;
        return isNew;
    }

    public void AddRange(ReadOnlySpan<int> rows)
    {
        foreach (int row in rows)
        {
            Add(row);
        }
    }

    /// <summary>Takes rows out again: what a few rows marked is cleared by them sooner than by wiping all bits.</summary>
    public void RemoveRange(ReadOnlySpan<int> rows)
    {
        foreach (int row in rows)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(rows));
            ref ulong word = ref _bits[row >> 6];
            ulong bit = 1UL << (row & 63);
            Count -= (word & bit) != 0 ? 1 : 0;
            word &= ~bit;
        }
    }

    /// <summary>Adds every row that <paramref name="other"/> holds, too: the items of this genre or that.</summary>
    public void UnionWith(RowSet other)
    {
        RequireSameRows(other);
        for (int word = 0; word < _bits.Length; word++)
        {
            _bits[word] |= other._bits[word];
        }

        Count = CountBits();
    }

    /// <summary>Keeps only the rows that <paramref name="other"/> holds as well: of this genre and of those years.</summary>
    public void IntersectWith(RowSet other)
    {
        RequireSameRows(other);
        for (int word = 0; word < _bits.Length; word++)
        {
            _bits[word] &= other._bits[word];
        }

        Count = CountBits();
    }

    /// <returns>A copy of the membership of <paramref name="rows"/> rows from <paramref name="first"/> on, as rows from 0 on.</returns>
    public RowSet Slice(int first, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)rows, (uint)(Rows - first), nameof(rows));
        var slice = new RowSet(rows);
        int shift = first & 63;
        for (int word = 0; word < slice._bits.Length; word++)
        {
            int from = (first >> 6) + word;
            slice._bits[word] = _bits[from] >> shift;
            if (shift > 0 && from + 1 < _bits.Length)
            {
                slice._bits[word] |= _bits[from + 1] << (64 - shift);
            }
        }

        if ((rows & 63) != 0)
        {
            slice._bits[^1] &= (1UL << (rows & 63)) - 1;
        }

        slice.Count = slice.CountBits();
        return slice;
    }

    private void RequireSameRows(RowSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Rows != Rows)
        {
            throw new ArgumentException($"The set is over {Rows} rows, the other over {other.Rows}.", nameof(other));
        }
    }

    private int CountBits()
    {
        int count = 0;
        foreach (ulong word in _bits)
        {
            count += BitOperations.PopCount(word);
        }

        return count;
    }
}
