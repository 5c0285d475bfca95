using NanoRecSys.Core.Retrieval.Ivf;

namespace NanoRecSys.Core.Retrieval.Files;

/// <summary>What follows the centroids of a list index whose rows are codes.</summary>
internal static class QuantizerFormat
{
    private const int EightBits = 0; // FAISS's QT_8bit

    /// <summary>
    /// Kind, how the range was chosen and an argument of it (int32, int32, float), D and bytes of a code (int64), least
    /// values and ranges (2 D floats), bytes of a code again, and whether codes stand for the difference to the centroid.
    /// </summary>
    public static IvfScalarIndex ReadScalar(FaissReader reader, FaissHeader header, FlatIndex centroids)
    {
        int kind = reader.Number<int>();
        reader.Require(kind == EightBits, $"scalar quantizer of kind {kind} is not read here ({EightBits}: 8 bits)");
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
        writer.Number(0); // the range goes from the least value to the largest,
        writer.Number(0f); // widened by nothing
        writer.Number((long)index.Dimension);
        writer.Number((long)index.Dimension);
        writer.Vector<float>([.. index.Quantizer.Least, .. index.Quantizer.Range]);
        writer.Number((long)index.Dimension);
        writer.Number((byte)(index.ByResidual ? 1 : 0));
        ListsFormat.Write(writer, index.Lists, index.Dimension, index.ReadCodes);
    }

    /// <summary>
    /// Whether codes stand for the difference to the centroid, bytes of a code (int64), D, M and bits of a part (int64),
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
