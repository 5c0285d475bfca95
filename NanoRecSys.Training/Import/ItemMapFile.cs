using System.Text.RegularExpressions;

namespace NanoRecSys.Training.Import;

/// <summary>The ids of an item table's rows, in their order: a NumPy array of integers, or text with one id per line.</summary>
internal static partial class ItemMapFile
{
    private const int LongestHeader = 65_536;
    private static ReadOnlySpan<byte> NumPyStart => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    // Versions 1 to 3 differ only in the header's length field and encoding.
    [GeneratedRegex(@"^\{'descr':\s*'(?<order>[<>|=])(?<kind>[iu])(?<width>[1248])',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\((?<count>[0-9]{1,9}),\s*\),?\s*\}\s*$")]
    private static partial Regex IntegerArray();

    /// <returns>[V] ids, each once.</returns>
    /// <exception cref="InvalidDataException">Neither of the two, or a repeated id; the message says which.</exception>
    public static EntityId[] Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        try
        {
            EntityId[] ids = file.AsSpan().StartsWith(NumPyStart) ? [.. ReadNumPy(file)] : ReadText(file);
            return RequireDistinct(ids);
        }
        catch (Exception e) when (e is InvalidDataException or DecoderFallbackException)
        {
            throw new InvalidDataException($"{path} is not an item map: {e.Message}", e);
        }
    }

    public static void Write(string path, IEnumerable<EntityId> ids) => File.WriteAllLines(path, ids.Select(id => id.Text));

    private static IEnumerable<EntityId> ReadNumPy(byte[] file)
    {
        int version = file.Length > 12 ? file[6] : 0;
        int lengthWidth = version == 1 ? sizeof(ushort) : sizeof(uint);
        long start = 8 + lengthWidth;
        long length = version switch
        {
            1 => BitConverter.ToUInt16(file, 8),
            2 or 3 => BitConverter.ToUInt32(file, 8),
            _ => throw new InvalidDataException("it is not a NumPy file of version 1 to 3."),
        };
        InvalidDataException.ThrowIf(length > LongestHeader || start + length > file.Length, $"its header claims {length} bytes, the file has {file.Length}.");

        string header = Encoding.Latin1.GetString(file, (int)start, (int)length).Trim();
        Match match = IntegerArray().Match(header);
        InvalidDataException.ThrowIf(!match.Success, $"expected a one-dimensional array of integers, found {PrintableName.Of(header)}.");

        int width = int.Parse(match.Groups["width"].ValueSpan, CultureInfo.InvariantCulture);
        long count = long.Parse(match.Groups["count"].ValueSpan, CultureInfo.InvariantCulture);
        Span<byte> data = file.AsSpan((int)(start + length));
        InvalidDataException.ThrowIf(count * width != data.Length, $"its {count} numbers need {count * width} bytes, it has {data.Length}.");

        bool isBigEndian = match.Groups["order"].ValueSpan is ">";
        bool isUnsigned = match.Groups["kind"].ValueSpan is "u";
        return Enumerable.Range(0, (int)count).Select(i => (EntityId)Integer(file.AsSpan((int)(start + length) + i * width, width), isBigEndian, isUnsigned));
    }

    private static long Integer(ReadOnlySpan<byte> bytes, bool isBigEndian, bool isUnsigned)
    {
        Span<byte> whole = stackalloc byte[sizeof(long)];
        byte sign = bytes[isBigEndian ? 0 : ^1];
        whole.Fill((byte)(!isUnsigned && sign >= 0x80 ? 0xFF : 0));
        bytes.CopyTo(whole);
        if (isBigEndian)
        {
            whole[..bytes.Length].Reverse();
        }

        return MemoryMarshal.Read<long>(whole);
    }

    private static EntityId[] ReadText(byte[] file)
    {
        string[] lines = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(file).TrimStart('\uFEFF').TrimEnd().Split('\n');
        bool areNumbers = lines.All(line => EntityId.IsWholeNumber(line.Trim(), out _));
        return [.. lines.Select((line, i) => EntityId.IsValid(line.Trim())
            ? EntityId.Of(line.Trim(), areNumbers)
            : throw new InvalidDataException($"line {i + 1} is {PrintableName.Of(line.Trim())}, expected an item id."))];
    }

    private static EntityId[] RequireDistinct(EntityId[] ids)
    {
        var rows = new Dictionary<EntityId, int>(ids.Length);
        for (int row = 0; row < ids.Length; row++)
        {
            InvalidDataException.ThrowIf(!rows.TryAdd(ids[row], row), $"item {ids[row]} is in rows {rows[ids[row]]} and {row}.");
        }

        return ids;
    }
}
