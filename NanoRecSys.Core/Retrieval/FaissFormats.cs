using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Retrieval;

/// <summary><c>IxFI</c> and <c>IxF2</c>: the header, the number of floats, and the rows.</summary>
internal static class FlatFormat
{
    public const string InnerProduct = "IxFI";
    public const string L2 = "IxF2";

    /// <returns>The header and the number of floats after it.</returns>
    public static (FaissHeader Header, long Floats) ReadHeader(FaissReader reader, string letters)
    {
        reader.Require(letters is InnerProduct or L2, $"a flat index was expected, found '{letters}'");
        FaissHeader header = FaissHeader.Read(reader);
        reader.Require(
            header.Metric == (letters == InnerProduct ? VectorMetric.InnerProduct : VectorMetric.L2), $"the metric is {header.Metric}, '{letters}' needs the other one");
        long floats = (long)header.Rows * header.Dimension;
        reader.Expect("floats of the rows", floats);
        return (header, floats);
    }

    /// <summary>A flat index inside another one: centroids, or the rows of a graph.</summary>
    public static (FaissHeader Header, float[] Vectors) Read(FaissReader reader)
    {
        (FaissHeader header, long floats) = ReadHeader(reader, reader.Letters());
        return (header, reader.Values<float>(floats));
    }

    public static void Write(FaissWriter writer, FaissHeader header, ReadOnlySpan<float> vectors)
    {
        writer.Letters(header.Metric == VectorMetric.InnerProduct ? InnerProduct : L2);
        header.Write(writer);
        writer.Vector(vectors);
    }
}

/// <summary>
/// <c>IwFl</c>, <c>IwSq</c> and <c>IwPQ</c>: the header, lists and probes (int64), the centroids as a flat index, the
/// direct map, the quantizer, and the lists (see <see cref="ListsFormat"/>).
/// </summary>
internal static class IvfFormat
{
    public const string Flat = "IwFl";
    public const string Scalar = "IwSq";
    public const string Product = "IwPQ";
    private const int HashtableEntry = 16; // bytes: id and position

    public static IvfIndex Read(FaissReader reader, string letters)
    {
        FaissHeader header = FaissHeader.Read(reader);
        long lists = reader.Number<long>();
        long probes = reader.Number<long>();
        (FaissHeader centroids, float[] values) = FlatFormat.Read(reader);
        reader.Require(centroids.Rows == lists, $"{lists} lists have {centroids.Rows} centroids");
        reader.Require(centroids.Dimension == header.Dimension, $"centroids of {centroids.Dimension} dimensions, rows of {header.Dimension}");
        reader.Require(centroids.Metric == header.Metric, $"centroids compare by {centroids.Metric}, rows by {header.Metric}");
        SkipDirectMap(reader);
        var quantizer = new FlatIndex(values, header.Dimension, header.Metric);
        IvfIndex index = letters switch
        {
            Flat => ReadFlat(reader, header, quantizer),
            Scalar => QuantizerFormat.ReadScalar(reader, header, quantizer),
            _ => QuantizerFormat.ReadProduct(reader, header, quantizer),
        };
        reader.Require(index.Count == header.Rows, $"the lists hold {index.Count} rows, the header says {header.Rows}");
        index.Probes = (int)Math.Clamp(probes, 1, int.MaxValue);
        return index;
    }

    public static void Write(FaissWriter writer, IvfIndex index)
    {
        writer.Letters(index switch { IvfFlatIndex => Flat, IvfScalarIndex => Scalar, _ => Product });
        FaissHeader header = FaissHeader.Of(index);
        header.Write(writer);
        writer.Number((long)index.Lists.Count);
        writer.Number((long)index.Probes);
        FlatFormat.Write(writer, FaissHeader.Of(index.Centroids), index.Centroids.Vectors);
        writer.Number((byte)0); // no direct map,
        writer.Number(0L); // and nothing in it
        switch (index)
        {
            case IvfFlatIndex flat:
                WriteFlat(writer, flat);
                break;
            case IvfScalarIndex scalar:
                QuantizerFormat.Write(writer, scalar);
                break;
            case IvfProductIndex product:
                QuantizerFormat.Write(writer, product);
                break;
        }
    }

    private static IvfFlatIndex ReadFlat(FaissReader reader, FaissHeader header, FlatIndex centroids)
    {
        (InvertedLists lists, byte[][] codes) = ListsFormat.Read(reader, centroids.Count, header.Dimension * sizeof(float), IvfFlatIndex.ListAlignment);
        reader.Require((long)lists.Rows * header.Dimension <= Array.MaxLength, $"{lists.Rows} rows of {header.Dimension} dimensions are too many");
        var vectors = new float[lists.Rows * header.Dimension];
        for (int list = 0; list < lists.Count; list++)
        {
            ReadOnlySpan<float> rows = MemoryMarshal.Cast<byte, float>(codes[list]);
            for (int i = 0; i < lists.Size(list); i++)
            {
                int row = lists.Ids[lists.Start(list) + i];
                rows.Slice(i * header.Dimension, header.Dimension).CopyTo(vectors.AsSpan(row * header.Dimension));
            }
        }

        return new IvfFlatIndex(centroids, lists, vectors);
    }

    private static void WriteFlat(FaissWriter writer, IvfFlatIndex index) =>
        ListsFormat.Write(writer, index.Lists, index.Dimension * sizeof(float), (position, code) =>
            index.Vectors.Slice(index.Lists.Ids[position] * index.Dimension, index.Dimension)
                .CopyTo(MemoryMarshal.Cast<byte, float>(code)));

    // The position of each row by its id, not needed for searching: none, an array of positions, or a table of pairs.
    private static void SkipDirectMap(FaissReader reader)
    {
        byte kind = reader.Number<byte>();
        reader.Require(kind <= 2, $"direct map of kind {kind}");
        reader.Skip(Bytes(reader, sizeof(long)));
        if (kind == 2)
        {
            reader.Skip(Bytes(reader, HashtableEntry));
        }
    }

    private static long Bytes(FaissReader reader, int each)
    {
        long count = reader.Number<long>();
        reader.Require(count >= 0 && count <= reader.Left / each, $"{count} entries do not fit in the remaining {reader.Left} bytes");
        return count * each;
    }
}

/// <summary>
/// <c>ilar</c>: number of lists and bytes of a code (int64), the sizes (<c>full</c>: one for each list; <c>sprs</c>: pairs
/// of list and size), then for every non-empty list its codes and its ids (int64).
/// </summary>
internal static class ListsFormat
{
    private const string Array = "ilar";
    private const string Full = "full";
    private const string Sparse = "sprs";

    /// <returns>The lists, and the codes of each.</returns>
    public static (InvertedLists Lists, byte[][] Codes) Read(FaissReader reader, int count, long codeBytes, int alignment)
    {
        string letters = reader.Letters();
        reader.Require(letters == Array, $"inverted lists of kind '{letters}' are not supported ('{Array}')");
        reader.Expect("lists", count);
        reader.Expect("bytes of a code", codeBytes);
        long[] sizes = ReadSizes(reader, count);
        var ids = new long[count][];
        var codes = new byte[count][];
        for (int list = 0; list < count; list++)
        {
            reader.Require(sizes[list] >= 0 && sizes[list] <= reader.Left / (codeBytes + sizeof(long)), $"list {list} of {sizes[list]} rows is larger than the file");
            codes[list] = reader.Values<byte>(sizes[list] * codeBytes);
            ids[list] = reader.Values<long>(sizes[list]);
        }

        try
        {
            return (InvertedLists.FromLists(ids, alignment), codes);
        }
        catch (Exception e) when (e is InvalidDataException or OverflowException)
        {
            throw reader.Error(e.Message);
        }
    }

    public static void Write(FaissWriter writer, InvertedLists lists, int codeBytes, PositionCode codeAt)
    {
        writer.Letters(Array);
        writer.Number((long)lists.Count);
        writer.Number((long)codeBytes);
        writer.Letters(Full);
        writer.Vector<long>([.. Enumerable.Range(0, lists.Count).Select(list => (long)lists.Size(list))]);
        for (int list = 0; list < lists.Count; list++)
        {
            var codes = new byte[checked(lists.Size(list) * codeBytes)];
            var ids = new long[lists.Size(list)];
            for (int i = 0; i < ids.Length; i++)
            {
                ids[i] = lists.Ids[lists.Start(list) + i];
                codeAt(lists.Start(list) + i, codes.AsSpan(i * codeBytes, codeBytes));
            }

            writer.Values<byte>(codes);
            writer.Values<long>(ids);
        }
    }

    private static long[] ReadSizes(FaissReader reader, int count)
    {
        string letters = reader.Letters();
        if (letters == Full)
        {
            return reader.Vector<long>("sizes of lists", count);
        }

        reader.Require(letters == Sparse, $"sizes of lists of kind '{letters}' are not supported ('{Full}', '{Sparse}')");
        long[] pairs = reader.Vector<long>();
        reader.Require(pairs.Length % 2 == 0, "a list has no size");
        var sizes = new long[count];
        for (int i = 0; i < pairs.Length; i += 2)
        {
            reader.Require(pairs[i] >= 0 && pairs[i] < count, $"list {pairs[i]} of {count}");
            sizes[pairs[i]] = pairs[i + 1];
        }

        return sizes;
    }
}

/// <summary>The part after the centroids of a list index whose rows are codes.</summary>
internal static class QuantizerFormat
{
    private const int EightBits = 0; // FAISS's QT_8bit

    /// <summary>
    /// Kind, how the range was chosen and its argument (int32, int32, float), D and bytes of a code (int64), smallest
    /// values and ranges (2 D floats), bytes of a code again, and whether codes encode the difference from the centroid.
    /// </summary>
    public static IvfScalarIndex ReadScalar(FaissReader reader, FaissHeader header, FlatIndex centroids)
    {
        int kind = reader.Number<int>();
        reader.Require(kind == EightBits, $"scalar quantizer of kind {kind} is not supported ({EightBits}: 8 bits)");
        reader.Skip(sizeof(int) + sizeof(float));
        reader.Expect("dimension of the quantizer", header.Dimension);
        reader.Expect("bytes of a code", header.Dimension);
        float[] trained = reader.Vector<float>("ranges of the quantizer", 2L * header.Dimension);
        reader.Expect("bytes of a code", header.Dimension);
        bool byResidual = reader.Number<byte>() != 0;
        (InvertedLists lists, byte[][] codes) = ListsFormat.Read(reader, centroids.Count, header.Dimension, IvfFlatIndex.ListAlignment);
        var quantizer = new ScalarQuantizer(trained[..header.Dimension], trained[header.Dimension..]);
        return new IvfScalarIndex(centroids, lists, quantizer, byResidual, CodeAt(lists, codes));
    }

    public static void Write(FaissWriter writer, IvfScalarIndex index)
    {
        writer.Number(EightBits);
        writer.Number(0); // the range goes from the smallest value to the largest,
        writer.Number(0f); // not widened
        writer.Number((long)index.Dimension);
        writer.Number((long)index.Dimension);
        writer.Vector<float>([.. index.Quantizer.Least, .. index.Quantizer.Range]);
        writer.Number((long)index.Dimension);
        writer.Number((byte)(index.ByResidual ? 1 : 0));
        ListsFormat.Write(writer, index.Lists, index.Dimension, index.ReadCodes);
    }

    /// <summary>
    /// Whether codes encode the difference from the centroid, bytes of a code (int64), D, M and bits of a part (int64),
    /// and the centroids of the parts.
    /// </summary>
    public static IvfProductIndex ReadProduct(FaissReader reader, FaissHeader header, FlatIndex centroids)
    {
        bool byResidual = reader.Number<byte>() != 0;
        long codeBytes = reader.Number<long>();
        reader.Require(codeBytes > 0 && header.Dimension % codeBytes == 0, $"{codeBytes} bytes do not divide {header.Dimension} dimensions");
        reader.Expect("dimension of the quantizer", header.Dimension);
        reader.Expect("parts of the quantizer", codeBytes);
        reader.Expect("bits of a part", 8);
        float[] codebooks = reader.Vector<float>("values of the codebooks", (long)ProductQuantizer.Centroids * header.Dimension);
        (InvertedLists lists, byte[][] codes) = ListsFormat.Read(reader, centroids.Count, codeBytes, IvfProductIndex.ListAlignment);
        var quantizer = new ProductQuantizer(header.Dimension, (int)codeBytes, codebooks);
        return new IvfProductIndex(centroids, lists, quantizer, byResidual, CodeAt(lists, codes));
    }

    public static void Write(FaissWriter writer, IvfProductIndex index)
    {
        writer.Number((byte)(index.ByResidual ? 1 : 0));
        writer.Number((long)index.Quantizer.Parts);
        writer.Number((long)index.Dimension);
        writer.Number((long)index.Quantizer.Parts);
        writer.Number(8L);
        writer.Vector<float>(index.Quantizer.Codebooks);
        ListsFormat.Write(writer, index.Lists, index.Quantizer.Parts, index.ReadCode);
    }

    private static PositionCode CodeAt(InvertedLists lists, byte[][] codes)
    {
        int[] listOfPosition = lists.ListOfPositions();
        return (position, code) =>
        {
            int list = listOfPosition[position];
            codes[list].AsSpan((position - lists.Start(list)) * code.Length, code.Length).CopyTo(code);
        };
    }
}

/// <summary>
/// <c>IHNf</c>: the header, the graph, and its rows as a flat index. The graph: probability of each level (float64), edge
/// slots up to each level (int32), levels (int32), offsets (int64), edges (int32), entry, top level, breadth for building
/// and for searching, and an unused number (int32).
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
        reader.Require(places <= reader.Left / sizeof(int), $"{places} edges do not fit in the remaining {reader.Left} bytes");
        reader.Require(places <= Array.MaxLength, $"{places} edges are too many");
        var graph = new HnswGraph(levels, placesUpTo);
        reader.Require(reader.Vector<long>("offsets of rows", header.Rows + 1L).AsSpan().SequenceEqual(graph.Offsets), "the offsets do not match the levels");
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
        FlatFormat.Write(writer, header, index.Vectors);
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
