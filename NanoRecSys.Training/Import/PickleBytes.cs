using System.Buffers.Binary;
using System.Text;

namespace NanoRecSys.Training.Import;

/// <summary>A pickle's bytes and the place that is read next.</summary>
internal sealed class PickleBytes(ReadOnlyMemory<byte> bytes)
{
    private const int LongestInteger = 8;
    private const int LongestLine = 1000;

    // What is not UTF-8 is refused instead of becoming other letters: two names must not become one.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private int _position;

    public byte Byte() => Take(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    /// <summary>Big-endian, unlike everything else here.</summary>
    public double Double() => BinaryPrimitives.ReadDoubleBigEndian(Take(sizeof(double)));

    /// <summary>Two's complement of any length; a longer one than int64 is of no use to a tensor.</summary>
    public long Integer(int length)
    {
        if (length > LongestInteger)
        {
            throw new InvalidDataException($"it holds an integer of {length} bytes, at most {LongestInteger} are read.");
        }

        ReadOnlySpan<byte> taken = Take(length);
        Span<byte> whole = stackalloc byte[LongestInteger];
        whole.Fill((byte)(length > 0 && taken[^1] >= 0x80 ? 0xFF : 0));
        taken.CopyTo(whole);
        return BinaryPrimitives.ReadInt64LittleEndian(whole);
    }

    public string Text(long length) => Decode(Take(length));

    /// <summary>Up to the next newline, which is taken too.</summary>
    public string Line()
    {
        int length = bytes.Span[_position..].IndexOf((byte)'\n');
        if (length is < 0 or > LongestLine)
        {
            throw new InvalidDataException("it holds a name without an end.");
        }

        string line = Decode(Take(length));
        _position++;
        return line;
    }

    public ReadOnlySpan<byte> Take(long length)
    {
        if (length < 0 || length > bytes.Length - _position)
        {
            throw new InvalidDataException($"its pickle is cut short: {length} bytes are asked for at byte {_position} of {bytes.Length}.");
        }

        ReadOnlySpan<byte> taken = bytes.Span.Slice(_position, (int)length);
        _position += (int)length;
        return taken;
    }

    private static string Decode(ReadOnlySpan<byte> text)
    {
        try
        {
            return Strict.GetString(text);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException("it holds a text that is not UTF-8.", e);
        }
    }
}
