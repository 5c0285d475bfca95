using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace NanoRecSys.Training.Export;

/// <summary>
/// Reads and writes <c>.safetensors</c>: the length of a JSON header (8 bytes, little-endian), the header
/// (name -> dtype, shape, byte range), then the values. Unlike a pickle, nothing in it can run.
/// Written as F32; read from every type of <see cref="StoredNumber"/>, always into float32.
/// </summary>
public static class SafetensorsFile
{
    private const string MetadataKey = "__metadata__";
    private const int PrefixBytes = sizeof(long);
    private static readonly JsonDocumentOptions StrictJson = new() { AllowDuplicateProperties = false };

    /// <summary>The format's own limit; a header of our models has a few kilobytes.</summary>
    private const long LongestHeader = 100_000_000;

    /// <summary>Replaces the file at once: a reader sees the old one or the whole new one.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="tensors">In the order in which they are to lie there.</param>
    /// <param name="metadata">Texts for the header, beside the tensors.</param>
    public static void Write(string path, IEnumerable<NamedTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        NamedTensor[] all = [.. tensors];
        byte[] header = WriteHeader(all, metadata);
        string temporary = path + ".tmp";
        using (FileStream stream = File.Create(temporary))
        {
            Span<byte> prefix = stackalloc byte[PrefixBytes];
            BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
            stream.Write(prefix);
            stream.Write(header);
            foreach (NamedTensor tensor in all)
            {
                stream.Write(MemoryMarshal.AsBytes(tensor.Values.AsSpan()));
            }
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <exception cref="InvalidDataException">Not a whole safetensors file of types that we read; says why.</exception>
    public static IReadOnlyDictionary<string, NamedTensor> Read(string path) => Open(path, stream =>
    {
        byte[] header = TakeHeader(stream);
        long dataStart = stream.Position;
        List<SafetensorsEntry> entries = ReadHeader(header, stream.Length - dataStart);
        var tensors = new Dictionary<string, NamedTensor>(entries.Count);
        foreach (SafetensorsEntry entry in entries)
        {
            stream.Position = dataStart + entry.Begin;
            tensors.Add(entry.Name, new NamedTensor(entry.Name, entry.Shape, entry.ReadValues(stream)));
        }

        return tensors;
    });

    /// <summary>The texts beside the tensors; empty where there are none.</summary>
    /// <exception cref="InvalidDataException">Not a safetensors file.</exception>
    public static IReadOnlyDictionary<string, string> ReadMetadata(string path) => Open(path, stream =>
    {
        using JsonDocument header = JsonDocument.Parse(TakeHeader(stream), StrictJson);
        return header.RootElement.TryGetProperty(MetadataKey, out JsonElement texts)
            ? texts.EnumerateObject().ToDictionary(text => text.Name, text => text.Value.GetString() ?? "")
            : [];
    });

    private static T Open<T>(string path, Func<FileStream, T> read)
    {
        using FileStream stream = File.OpenRead(path);
        try
        {
            return read(stream);
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or EndOfStreamException or InvalidOperationException)
        {
            // JSON of other kinds than expected, or text that is not UTF-8, is an invalid operation on it.
            throw new InvalidDataException($"{path} is not a safetensors file that can be read: {e.Message}", e);
        }
    }

    private static byte[] TakeHeader(FileStream stream)
    {
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        stream.ReadExactly(prefix);
        long headerLength = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        if (headerLength is < 2 or > LongestHeader || headerLength > stream.Length - PrefixBytes)
        {
            throw new InvalidDataException($"its header claims {headerLength} bytes, the file has {stream.Length}.");
        }

        byte[] header = new byte[headerLength];
        stream.ReadExactly(header);
        return header;
    }

    private static List<SafetensorsEntry> ReadHeader(byte[] header, long dataLength)
    {
        using JsonDocument document = JsonDocument.Parse(header, StrictJson);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException("its header is not a JSON object.");
        }

        List<SafetensorsEntry> entries = [.. document.RootElement.EnumerateObject()
            .Where(property => property.Name != MetadataKey)
            .Select(property => SafetensorsEntry.Parse(property.Name, property.Value))
            .OrderBy(entry => entry.Begin).ThenBy(entry => entry.End)];

        // Back to back, without holes or overlaps: so no file can make us read more than it holds.
        long expected = 0;
        foreach (SafetensorsEntry entry in entries)
        {
            if (entry.Begin != expected)
            {
                throw new InvalidDataException($"tensor '{entry.Name}' begins at byte {entry.Begin}, expected {expected}.");
            }

            expected = entry.End;
        }

        return expected == dataLength
            ? entries
            : throw new InvalidDataException($"its tensors end at byte {expected} of the data, which has {dataLength}.");
    }

    private static byte[] WriteHeader(NamedTensor[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is not null)
            {
                json.WriteStartObject(MetadataKey);
                foreach ((string key, string text) in metadata)
                {
                    json.WriteString(key, text);
                }

                json.WriteEndObject();
            }

            long begin = 0;
            foreach (NamedTensor tensor in tensors)
            {
                long count = tensor.Shape.Aggregate(1L, (product, size) => checked(product * size));
                if (count != tensor.Values.Length)
                {
                    throw new ArgumentException(
                        $"Tensor '{tensor.Name}' [{string.Join(", ", tensor.Shape)}] needs {count} values, has {tensor.Values.Length}.",
                        nameof(tensors));
                }

                long end = begin + count * sizeof(float);
                SafetensorsEntry.Write(json, tensor.Name, tensor.Shape, begin, end);
                begin = end;
            }

            json.WriteEndObject();
        }

        // Padded with spaces so that the values start at a multiple of 8 bytes, as the format advises.
        int padding = (int)(-buffer.Length & 7);
        return [.. buffer.ToArray(), .. Enumerable.Repeat((byte)' ', padding)];
    }
}
