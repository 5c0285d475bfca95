namespace NanoRecSys.Core.Retrieval;

/// <summary>A set of index rows as one bit each; membership is one shift and one mask in the search's inner loop.</summary>
public sealed class RowSet(int rows)
{
    private readonly ulong[] _bits = new ulong[(rows + 63) / 64];

    public int Rows { get; } = rows;

    public int Count { get; private set; }

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
}
