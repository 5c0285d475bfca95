namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// FAISS's binary index format, little-endian: four letters for the kind, a common header, and the kind's own
/// fields (see <c>Files</c>). FAISS reads the files written here, and vice versa.
/// </summary>
internal static class FaissFile
{
    private const long MapFrom = 64 << 20; // below this, reading the file costs less than faulting in its pages one by one
    private const int BufferBytes = 1 << 16;

    /// <exception cref="ArgumentException">FAISS has no format for the index.</exception>
    public static void Write(string path, IVectorIndex index)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes);
        var writer = new FaissWriter(file);
        switch (index)
        {
            case FlatIndex flat:
                FlatFormat.Write(writer, FaissHeader.Of(flat), flat.Vectors);
                break;
            case IvfIndex ivf:
                IvfFormat.Write(writer, ivf);
                break;
            case HnswIndex hnsw:
                HnswFormat.Write(writer, hnsw);
                break;
            default:
                throw new ArgumentException($"An index of type {index.GetType().Name} cannot be written.", nameof(index));
        }
    }

    /// <summary>Reads an index. The rows of a large flat index stay in the file, mapped into memory until the index is disposed.</summary>
    /// <exception cref="InvalidDataException">
    /// Not a FAISS index, an unsupported kind, or contradictory contents. Nothing is allocated
    /// before its size is checked against the file's.
    /// </exception>
    public static IVectorIndex Read(string path) => Read(path, MapFrom);

    /// <param name="mapFrom">File size in bytes from which the rows of a flat index stay in the file.</param>
    public static IVectorIndex Read(string path, long mapFrom)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes);
        var reader = new FaissReader(file, path);
        try
        {
            IVectorIndex index = ReadKind(file, reader, mapFrom);
            reader.Require(reader.Left == 0, $"{reader.Left} bytes follow the index");
            return index;
        }
        catch (OverflowException)
        {
            throw reader.Error("the index is larger than an array can be");
        }
    }

    private static IVectorIndex ReadKind(FileStream file, FaissReader reader, long mapFrom)
    {
        string letters = reader.Letters();
        return letters switch
        {
            FlatFormat.InnerProduct or FlatFormat.L2 => ReadFlat(file, reader, letters, mapFrom),
            IvfFormat.Flat or IvfFormat.Scalar or IvfFormat.Product => IvfFormat.Read(reader, letters),
            HnswFormat.Letters => HnswFormat.Read(reader),
            _ => throw reader.Error($"index kind '{letters}' is not supported (IxFI, IxF2, IwFl, IwSq, IwPQ, IHNf)"),
        };
    }

    private static FlatIndex ReadFlat(FileStream file, FaissReader reader, string letters, long mapFrom)
    {
        (FaissHeader header, long floats) = FlatFormat.ReadHeader(reader, letters);
        reader.Require(floats <= Array.MaxLength, $"{floats} values are too many for one index");
        if (file.Length < mapFrom)
        {
            return new FlatIndex(reader.Values<float>(floats), header.Dimension, header.Metric);
        }

        long start = reader.Position;
        reader.Skip(floats * sizeof(float));
        var mapped = new MappedFile(file);
        return new FlatIndex(mapped.Column<float>(start, (int)floats), header.Dimension, header.Metric) { Mapped = mapped };
    }
}
