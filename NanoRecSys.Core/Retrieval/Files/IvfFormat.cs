using System.Runtime.InteropServices;
using NanoRecSys.Core.Retrieval.Ivf;

namespace NanoRecSys.Core.Retrieval.Files;

/// <summary>
/// <c>IwFl</c>, <c>IwSq</c> and <c>IwPQ</c>: the header, lists and probes (int64), the centroids as a flat index, the
/// direct map, what the codes stand for, and the lists (see <see cref="ListsFormat"/>).
/// </summary>
internal static class IvfFormat
{
    public const string Flat = "IwFl";
    public const string Scalar = "IwSq";
    public const string Product = "IwPQ";

    private const int HashtableEntry = 16; // bytes: id and place

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
        reader.Require(lists.Rows == header.Rows, $"the lists hold {lists.Rows} rows, the header says {header.Rows}");
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

    // Where each row lies, by its id: not needed for searching. None, an array of places, or a table of pairs.
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
        reader.Require(count >= 0 && count <= reader.Left / each, $"{count} entries are announced, {reader.Left} bytes are left");
        return count * each;
    }
}
