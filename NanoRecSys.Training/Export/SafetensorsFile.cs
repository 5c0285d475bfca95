using System.Buffers.Binary;
using System.Numerics;
using System.Numerics.Tensors;
using System.Text.Json.Nodes;

namespace NanoRecSys.Training.Export;

/// <summary>Reads and writes <c>.safetensors</c>: the length of a JSON header (8 bytes, little-endian), the header (name -> dtype, shape, byte
/// range), then the values. Unlike a pickle, it cannot execute code. Written as F32; read from every type of <see cref="StoredNumber"/>, always into
/// float32.</summary>
internal static class SafetensorsFile
{
    private const string MetadataKey = "__metadata__";
    private const int PrefixBytes = sizeof(long);
    private static readonly JsonDocumentOptions StrictJson = new() { AllowDuplicateProperties = false };

    /// <summary>The format's own limit; a model's header has a few kilobytes.</summary>
    private const long LongestHeader = 100_000_000;

    /// <summary>Replaces the file atomically: a reader sees the old one or the complete new one.</summary>
    public static void Write(string path, IEnumerable<NamedTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        NamedTensor[] all = [.. tensors];
        byte[] header = WriteHeader(all, metadata);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> prefix = stackalloc byte[PrefixBytes];
            BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
            stream.Write(prefix);
            stream.Write(header);
            foreach (NamedTensor tensor in all)
            {
                stream.Write(MemoryMarshal.AsBytes(tensor.Values.AsSpan()));
            }
        });
    }

    /// <exception cref="InvalidDataException">Not a complete safetensors file of supported types; the message says why.</exception>
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
            // Unexpected JSON kinds and text that is not UTF-8 surface as InvalidOperationException.
            throw new InvalidDataException($"{path} is not a readable safetensors file: {e.Message}", e);
        }
    }

    private static byte[] TakeHeader(FileStream stream)
    {
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        stream.ReadExactly(prefix);
        long headerLength = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        InvalidDataException.ThrowIf(headerLength is < 2 or > LongestHeader || headerLength > stream.Length - PrefixBytes,
            $"its header claims {headerLength} bytes, the file has {stream.Length}.");

        byte[] header = new byte[headerLength];
        stream.ReadExactly(header);
        return header;
    }

    private static List<SafetensorsEntry> ReadHeader(byte[] header, long dataLength)
    {
        using JsonDocument document = JsonDocument.Parse(header, StrictJson);
        InvalidDataException.ThrowIf(document.RootElement.ValueKind != JsonValueKind.Object, $"its header is not a JSON object.");

        List<SafetensorsEntry> entries = [.. document.RootElement.EnumerateObject()
            .Where(property => property.Name != MetadataKey)
            .Select(property => SafetensorsEntry.Parse(property.Name, property.Value))
            .OrderBy(entry => entry.Begin).ThenBy(entry => entry.End)];

        // Tensors must be contiguous, without gaps or overlaps: so no file can cause reads beyond its end.
        long expected = 0;
        foreach (SafetensorsEntry entry in entries)
        {
            InvalidDataException.ThrowIf(entry.Begin != expected, $"tensor '{entry.Name}' begins at byte {entry.Begin}, expected {expected}.");

            expected = entry.End;
        }

        return expected == dataLength
            ? entries
            : throw new InvalidDataException($"its tensors end at byte {expected} of the data, which has {dataLength}.");
    }

    private static byte[] WriteHeader(NamedTensor[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var header = new JsonObject();
        if (metadata is not null)
        {
            header[MetadataKey] = new JsonObject(metadata.Select(text => KeyValuePair.Create(text.Key, (JsonNode?)text.Value)));
        }

        long begin = 0;
        foreach (NamedTensor tensor in tensors)
        {
            long count = tensor.Shape.Aggregate(1L, (product, size) => checked(product * size));
            if (count != tensor.Values.Length)
            {
                throw new ArgumentException(
                    $"Tensor '{tensor.Name}' [{string.Join(", ", tensor.Shape)}] needs {count} values, has {tensor.Values.Length}.", nameof(tensors));
            }

            long end = begin + count * sizeof(float);
            header[tensor.Name] = new JsonObject
            {
                ["dtype"] = nameof(StoredNumber.F32),
                ["shape"] = new JsonArray([.. tensor.Shape.Select(size => (JsonNode)size)]),
                ["data_offsets"] = new JsonArray(begin, end),
            };
            begin = end;
        }

        byte[] text = Encoding.UTF8.GetBytes(header.ToJsonString());
        return [.. text, .. Enumerable.Repeat((byte)' ', -text.Length & 7)]; // so that the values start at a multiple of 8 bytes, as the format advises
    }
}

/// <summary>One tensor's line in the header of a safetensors file; <c>Begin</c> and <c>End</c> count bytes of its data.</summary>
internal sealed record SafetensorsEntry(string Name, string Type, long[] Shape, long Begin, long End)
{
    private const int MostDimensions = 8;
    private static readonly string[] Types = Enum.GetNames<StoredNumber>();

    public static SafetensorsEntry Parse(string name, JsonElement line)
    {
        try
        {
            string type = line.GetProperty("dtype").GetString() ?? "";
            long[] shape = [.. line.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())];
            JsonElement range = line.GetProperty("data_offsets");
            var entry = new SafetensorsEntry(name, type, shape, range[0].GetInt64(), range[1].GetInt64());
            entry.Validate(range.GetArrayLength());
            return entry;
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            throw new InvalidDataException($"tensor '{name}' needs dtype, shape and data_offsets, has {line}.", e);
        }
    }

    /// <summary>Reads from the stream's position; the header check ensured that the bytes exist.</summary>
    public float[] ReadValues(Stream stream)
    {
        byte[] bytes = new byte[End - Begin];
        stream.ReadExactly(bytes);
        return StoredNumbers.ToFloat32(bytes, Enum.Parse<StoredNumber>(Type));
    }

    private void Validate(int offsets)
    {
        int width = Types.Contains(Type)
            ? StoredNumbers.WidthOf(Enum.Parse<StoredNumber>(Type))
            : throw new InvalidDataException($"tensor '{Name}' has type '{Type}', only {string.Join(", ", Types)} are read.");
        InvalidDataException.ThrowIf(offsets != 2 || Begin < 0 || End < Begin || End - Begin > Array.MaxLength,
            $"tensor '{Name}' has the invalid byte range {Begin}..{End}.");

        // In 128 bits: eight sizes of a hostile header could overflow 64 bits and still match.
        UInt128 bytes = (UInt128)width;
        foreach (long size in Shape)
        {
            bytes = size is >= 0 and <= int.MaxValue && Shape.Length <= MostDimensions && bytes <= long.MaxValue
                ? bytes * (UInt128)size
                : throw new InvalidDataException($"tensor '{Name}' has the invalid shape [{string.Join(", ", Shape)}].");
        }

        InvalidDataException.ThrowIf(bytes != (UInt128)(End - Begin),
            $"tensor '{Name}' [{string.Join(", ", Shape)}] of {Type} needs {bytes} bytes, its range {Begin}..{End} has {End - Begin}.");
    }
}

/// <summary>Number types of stored weights, by their names in a safetensors header.</summary>
internal enum StoredNumber
{
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    BOOL,
}

internal static class StoredNumbers
{
    public static int WidthOf(StoredNumber type) => type switch
    {
        StoredNumber.F64 or StoredNumber.I64 => 8,
        StoredNumber.F32 or StoredNumber.I32 => 4,
        StoredNumber.F16 or StoredNumber.BF16 or StoredNumber.I16 => 2,
        _ => 1,
    };

    /// <param name="bytes">Little-endian; a multiple of the type's width.</param>
    public static float[] ToFloat32(ReadOnlySpan<byte> bytes, StoredNumber type)
    {
        var values = new float[bytes.Length / WidthOf(type)];
        switch (type)
        {
            case StoredNumber.F64: Convert<double>(bytes, values); break;
            case StoredNumber.F32: bytes.CopyTo(MemoryMarshal.AsBytes(values.AsSpan())); break;
            case StoredNumber.F16: Convert<Half>(bytes, values); break;
            case StoredNumber.BF16: ConvertBrainFloats(bytes, values); break;
            case StoredNumber.I64: Convert<long>(bytes, values); break;
            case StoredNumber.I32: Convert<int>(bytes, values); break;
            case StoredNumber.I16: Convert<short>(bytes, values); break;
            case StoredNumber.I8: Convert<sbyte>(bytes, values); break;
            default: Convert<byte>(bytes, values); break;
        }

        return values;
    }

    private static void Convert<T>(ReadOnlySpan<byte> bytes, Span<float> values)
        where T : unmanaged, INumberBase<T> =>
        TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, T>(bytes), values);

    // bfloat16 is the upper half of a float32.
    private static void ConvertBrainFloats(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        ReadOnlySpan<ushort> source = MemoryMarshal.Cast<byte, ushort>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
        }
    }
}

/// <summary>One float32 tensor of a state dictionary.</summary>
/// <param name="Values">Row-major; their number is the product of the shape.</param>
internal sealed record NamedTensor(string Name, long[] Shape, float[] Values)
{
    /// <exception cref="InvalidDataException">The table was trained on another number of items.</exception>
    public NamedTensor RequireRows(int items) => Shape[0] == items
        ? this
        : throw new InvalidDataException($"it was trained on {Shape[0]:N0} items, the prepared data has {items:N0}");
}

/// <summary>Facts about the network in the header of exported weights that the weights alone do not show.</summary>
internal static class WeightsMetadata
{
    public const string Kind = "kind";
    public const string Positions = "positions";
    public const string Heads = "heads";
    public const string MaxLength = "max_length";
    public const string RopeBase = "rope_base";
    public const string Items = "items"; // a ranker's item inputs, as JSON
    public const string Genres = "genres"; // the same, by versions that read only genres and the year

    public static IReadOnlyDictionary<string, string> Of(ModelInfo model) => new Dictionary<string, string>
    {
        ["format"] = "pt", // Without it, some readers assume another framework.
        [Kind] = model.Kind,
        [Positions] = model.Positions,
        [Heads] = Invariant(model.Heads),
        [MaxLength] = Invariant(model.MaxLength),
        [RopeBase] = Invariant(model.RopeBase),
    };

    public static IReadOnlyDictionary<string, string> Of(RankerModel model) => new Dictionary<string, string>
    {
        ["format"] = "pt",
        [Items] = JsonSerializer.Serialize(model.Items, CoreJson.Default.ItemLayout),
    };

    private static string Invariant(double number) => number.ToString(CultureInfo.InvariantCulture);
}
