namespace NanoRecSys.Core.Retrieval.Hnsw;

/// <summary>
/// Rows and the near rows that each leads to, on levels that thin out upwards; laid out as FAISS keeps it. The places
/// of a row's edges are one piece, level 0 first; unused ones hold -1.
/// </summary>
public sealed class HnswGraph
{
    /// <summary>Edges of a row on an upper level (M) that a file may have; level 0 has twice as many.</summary>
    public const int MostEdges = 1 << 11;

    /// <param name="levels">[rows] on how many levels each row is, at least 1.</param>
    /// <param name="placesUpTo">Edge places of a row on all levels below the given one; starts with 0.</param>
    public HnswGraph(int[] levels, int[] placesUpTo)
    {
        ArgumentNullException.ThrowIfNull(levels);
        ArgumentNullException.ThrowIfNull(placesUpTo);
        Levels = levels;
        PlacesUpTo = placesUpTo;
        Offsets = new long[levels.Length + 1];
        for (int row = 0; row < levels.Length; row++)
        {
            Offsets[row + 1] = Offsets[row] + placesUpTo[levels[row]];
        }

        Neighbors = new int[checked((int)Offsets[^1])];
        Array.Fill(Neighbors, -1);
    }

    public int Count => Levels.Length;

    /// <summary>[rows] on how many levels each row is.</summary>
    public int[] Levels { get; }

    /// <summary>Edge places of a row on all levels below the given one.</summary>
    public int[] PlacesUpTo { get; }

    /// <summary>[rows + 1] where each row's places start.</summary>
    public long[] Offsets { get; }

    /// <summary>[places] the row that an edge leads to, or -1.</summary>
    public int[] Neighbors { get; }

    /// <summary>The row that searches start from; -1 for an empty graph.</summary>
    public int Entry { get; set; } = -1;

    /// <summary>The entry's highest level; -1 for an empty graph.</summary>
    public int TopLevel => Entry < 0 ? -1 : Levels[Entry] - 1;

    public long Memory => sizeof(int) * (Neighbors.LongLength + Levels.LongLength) + sizeof(long) * Offsets.LongLength;

    /// <summary>The places of a row's edges on a level.</summary>
    public Span<int> Edges(int row, int level) =>
        Neighbors.AsSpan((int)Offsets[row] + PlacesUpTo[level], PlacesUpTo[level + 1] - PlacesUpTo[level]);

    /// <exception cref="InvalidDataException">An edge leads out of the graph or to a row that is not on its level.</exception>
    public void RequireSound()
    {
        if (Count > 0 ? (uint)Entry >= (uint)Count : Entry != -1)
        {
            throw new InvalidDataException($"The graph's entry is {Entry}, it has {Count} rows.");
        }

        for (int row = 0; row < Count; row++)
        {
            for (int level = 0; level < Levels[row]; level++)
            {
                foreach (int neighbor in Edges(row, level))
                {
                    if (neighbor < -1 || neighbor >= Count || (neighbor >= 0 && Levels[neighbor] <= level))
                    {
                        throw new InvalidDataException($"An edge of row {row} leads to {neighbor} on level {level}, which is not there.");
                    }
                }
            }
        }
    }
}
