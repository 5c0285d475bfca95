using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Indexing;

/// <summary>An edge to be set.</summary>
/// <param name="Source">Row that it leaves.</param>
/// <param name="Level">Of the graph.</param>
/// <param name="Target">Row that it leads to, with the score between both.</param>
internal readonly record struct HnswEdge(int Source, int Level, Candidate Target)
{
    public HnswEdge Reversed => new(Target.Row, Level, new Candidate(Source, Target.Score));

    /// <summary>Sorts edges by source and level, keeping their order otherwise.</summary>
    /// <returns>The ranges of equal source and level.</returns>
    public static List<(int Start, int End)> GroupBySource(ref HnswEdge[] edges)
    {
        edges = [.. edges.OrderBy(edge => edge.Source).ThenBy(edge => edge.Level)]; // LINQ's sort is stable
        var groups = new List<(int, int)>();
        int start = 0;
        for (int i = 1; i <= edges.Length; i++)
        {
            if (i == edges.Length || edges[i].Source != edges[start].Source || edges[i].Level != edges[start].Level)
            {
                groups.Add((start, i));
                start = i;
            }
        }

        return groups;
    }
}
