namespace NanoRecSys.Core.Retrieval.Files;

/// <summary><c>IxFI</c> and <c>IxF2</c>: the header, the number of floats, and the rows.</summary>
internal static class FlatFormat
{
    public const string InnerProduct = "IxFI";
    public const string L2 = "IxF2";

    /// <returns>The header, and how many floats follow where the reader stands.</returns>
    public static (FaissHeader Header, long Floats) ReadHeader(FaissReader reader, string letters)
    {
        reader.Require(letters is InnerProduct or L2, $"a flat index was expected, found '{letters}'");
        FaissHeader header = FaissHeader.Read(reader);
        reader.Require(
            header.Metric == (letters == InnerProduct ? VectorMetric.InnerProduct : VectorMetric.L2), $"the metric is {header.Metric}, '{letters}' has the other");
        long floats = (long)header.Rows * header.Dimension;
        reader.Expect("floats of the rows", floats);
        return (header, floats);
    }

    /// <summary>A flat index inside of another: centroids, or the rows of a graph.</summary>
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
