using System.Numerics;

namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// Which rows a search may return: those that <see cref="Allowed"/> holds (all, where it is null) and
/// <see cref="Excluded"/> does not. Two sets, because the items of a genre are the same for every request and can be
/// shared, while the items seen are each user's own.
/// </summary>
/// <param name="Excluded">Rows to leave out, such as the items seen; null for none.</param>
/// <param name="Allowed">Rows to choose from, such as those of a genre; null for all.</param>
public readonly record struct RowFilter(RowSet? Excluded, RowSet? Allowed = null)
{
    /// <summary>Lets every row through.</summary>
    public static RowFilter None => default;

    public bool IsNone => Excluded is null && Allowed is null;

    public bool Admits(int row) => Excluded?.Contains(row) != true && Allowed?.Contains(row) != false;

    /// <returns>A bit for each of the rows from 64 * <paramref name="word"/> on: set where the row may be returned.</returns>
    /// <remarks>Beyond the last row of an index the bits mean nothing.</remarks>
    public ulong AdmittedBits(int word) => (Allowed?.Words[word] ?? ulong.MaxValue) & ~(Excluded?.Words[word] ?? 0);

    /// <returns>How many of the index's <paramref name="rows"/> rows may be returned.</returns>
    public int CountAdmitted(int rows)
    {
        if (Allowed is null)
        {
            return rows - (Excluded?.Count ?? 0);
        }

        int count = 0;
        for (int word = 0; word < Allowed.Words.Length; word++)
        {
            count += BitOperations.PopCount(AdmittedBits(word));
        }

        return count;
    }

    /// <exception cref="ArgumentException">A set is over another number of rows than the index.</exception>
    public void Require(int rows)
    {
        Require("excluded", Excluded, rows);
        Require("allowed", Allowed, rows);
    }

    private static void Require(string name, RowSet? set, int rows)
    {
        if (set is not null && set.Rows != rows)
        {
            throw new ArgumentException($"The {name} set is over {set.Rows} rows, the index has {rows}.");
        }
    }
}
