using System.Text.Json;

namespace NanoRecSys.Training.Export;

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

    public static void Write(Utf8JsonWriter json, string name, long[] shape, long begin, long end)
    {
        json.WriteStartObject(name);
        json.WriteString("dtype", "F32");
        json.WriteStartArray("shape");
        foreach (long size in shape)
        {
            json.WriteNumberValue(size);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Reads from the stream's position; the header's check made sure that the bytes are there.</summary>
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
        if (offsets != 2 || Begin < 0 || End < Begin || End - Begin > Array.MaxLength)
        {
            throw new InvalidDataException($"tensor '{Name}' has the byte range {Begin}..{End}, which cannot be.");
        }

        // In 128 bits: eight sizes of a hostile header could overflow 64 and come out right.
        UInt128 bytes = (UInt128)width;
        foreach (long size in Shape)
        {
            bytes = size is >= 0 and <= int.MaxValue && Shape.Length <= MostDimensions && bytes <= long.MaxValue
                ? bytes * (UInt128)size
                : throw new InvalidDataException($"tensor '{Name}' has the shape [{string.Join(", ", Shape)}], which cannot be.");
        }

        if (bytes != (UInt128)(End - Begin))
        {
            throw new InvalidDataException(
                $"tensor '{Name}' [{string.Join(", ", Shape)}] of {Type} needs {bytes} bytes, its range {Begin}..{End} has {End - Begin}.");
        }
    }
}
