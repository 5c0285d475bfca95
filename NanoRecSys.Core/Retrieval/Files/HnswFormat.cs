using NanoRecSys.Core.Retrieval.Hnsw;

namespace NanoRecSys.Core.Retrieval.Files;

/// <summary>
/// <c>IHNf</c>: the header, the graph and its rows as a flat index. The graph: chance of each level (float64), edge
/// places up to each level (int32), levels (int32), offsets (int64), edges (int32), entry, top level, breadth of building
/// and of searching, and an unused number (int32).
/// </summary>
internal static class HnswFormat
{
    public const string Letters = "IHNf";
    private const int MostLevels = 64;

    public static HnswIndex Read(FaissReader reader)
    {
        FaissHeader header = FaissHeader.Read(reader);
        reader.Vector<double>();
        int[] placesUpTo = reader.Vector<int>();
        RequirePlaces(reader, placesUpTo);
        int[] levels = reader.Vector<int>("levels of rows", header.Rows);
        reader.Require(levels.All(level => level > 0 && level < placesUpTo.Length), "a row is on more levels than there are");
        long places = levels.Sum(level => (long)placesUpTo[level]);
        reader.Require(places <= reader.Left / sizeof(int), $"{places} edges are announced, {reader.Left} bytes are left");
        reader.Require(places <= Array.MaxLength, $"{places} edges are too many");
        var graph = new HnswGraph(levels, placesUpTo);
        reader.Require(reader.Vector<long>("offsets of rows", header.Rows + 1L).AsSpan().SequenceEqual(graph.Offsets), "the offsets are not those of the levels");
        reader.Vector<int>("edges", graph.Neighbors.Length).CopyTo(graph.Neighbors, 0);
        graph.Entry = reader.Number<int>();
        int top = reader.Number<int>();
        int buildBreadth = reader.Number<int>();
        int breadth = reader.Number<int>();
        reader.Skip(sizeof(int));
        try
        {
            graph.RequireSound();
        }
        catch (InvalidDataException e)
        {
            throw reader.Error(e.Message);
        }

        reader.Require(top == graph.TopLevel, $"the top level is {top}, the entry's is {graph.TopLevel}");
        (FaissHeader storage, float[] vectors) = FlatFormat.Read(reader);
        reader.Require(storage == header, $"the rows are {storage}, the graph's {header}");
        return new HnswIndex(graph, vectors, header.Dimension, header.Metric) { BuildBreadth = buildBreadth, Breadth = breadth };
    }

    public static void Write(FaissWriter writer, HnswIndex index)
    {
        HnswGraph graph = index.Graph;
        writer.Letters(Letters);
        FaissHeader header = FaissHeader.Of(index);
        header.Write(writer);
        writer.Vector<double>(LevelChances(graph.PlacesUpTo));
        writer.Vector<int>(graph.PlacesUpTo);
        writer.Vector<int>(graph.Levels);
        writer.Vector<long>(graph.Offsets);
        writer.Vector<int>(graph.Neighbors);
        writer.Number(graph.Entry);
        writer.Number(graph.TopLevel);
        writer.Number(index.BuildBreadth);
        writer.Number(index.Breadth);
        writer.Number(1);
        FlatFormat.Write(writer, header, index.Space.Vectors);
    }

    // With M edges on the upper levels, each level holds about one row in M of the one below.
    private static double[] LevelChances(int[] placesUpTo)
    {
        int upper = placesUpTo.Length > 2 ? placesUpTo[2] - placesUpTo[1] : Math.Max(2, placesUpTo[1] / 2);
        return [.. Enumerable.Range(0, placesUpTo.Length - 1).Select(level => Math.Pow(upper, -level) * (1 - 1.0 / upper))];
    }

    private static void RequirePlaces(FaissReader reader, int[] placesUpTo)
    {
        reader.Require(placesUpTo.Length is >= 2 and <= MostLevels && placesUpTo[0] == 0, $"{placesUpTo.Length - 1} levels");
        for (int level = 1; level < placesUpTo.Length; level++)
        {
            long edges = (long)placesUpTo[level] - placesUpTo[level - 1];
            reader.Require(edges is > 0 and <= 2 * HnswGraph.MostEdges, $"{edges} edges on level {level - 1}");
        }
    }
}
