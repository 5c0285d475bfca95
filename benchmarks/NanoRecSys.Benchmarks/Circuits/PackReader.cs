using System.Buffers.Binary;
using System.Text;

namespace NanoRecSys.Benchmarks.Circuits;

/// <summary>Reads MessagePack values one after the other: integers as <see cref="long"/>, arrays as object arrays; maps are passed over.</summary>
internal ref struct PackReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Takes one message's length and bytes off the front.</summary>
    /// <returns>False where it has not all arrived.</returns>
    public static bool TryTakeMessage(ref ReadOnlyMemory<byte> received, out ReadOnlyMemory<byte> message)
    {
        int length = 0;
        for (int i = 0; i < received.Length && i < 5; i++)
        {
            byte part = received.Span[i];
            length |= (part & 0x7f) << (7 * i);
            if (part < 0x80)
            {
                bool whole = received.Length >= i + 1 + length;
                message = whole ? received.Slice(i + 1, length) : default;
                received = whole ? received[(i + 1 + length)..] : received;
                return whole;
            }
        }

        message = default;
        return false;
    }

    public object? Read()
    {
        byte kind = Take(1)[0];
        return kind switch
        {
            < 0x80 => (long)kind,
            < 0x90 => SkipMap(kind & 0x0f),
            < 0xa0 => ReadArray(kind & 0x0f),
            < 0xc0 => Text(kind & 0x1f),
            0xc0 => null,
            0xc2 or 0xc3 => kind == 0xc3,
            0xc4 => Take(Take(1)[0]).ToArray(),
            0xc5 => Take(BinaryPrimitives.ReadUInt16BigEndian(Take(2))).ToArray(),
            0xc6 => Take((int)BinaryPrimitives.ReadUInt32BigEndian(Take(4))).ToArray(),
            0xca => (double)BinaryPrimitives.ReadSingleBigEndian(Take(4)),
            0xcb => BinaryPrimitives.ReadDoubleBigEndian(Take(8)),
            0xcc => (long)Take(1)[0],
            0xcd => (long)BinaryPrimitives.ReadUInt16BigEndian(Take(2)),
            0xce => (long)BinaryPrimitives.ReadUInt32BigEndian(Take(4)),
            0xcf or 0xd3 => BinaryPrimitives.ReadInt64BigEndian(Take(8)),
            0xd0 => (long)(sbyte)Take(1)[0],
            0xd1 => (long)BinaryPrimitives.ReadInt16BigEndian(Take(2)),
            0xd2 => (long)BinaryPrimitives.ReadInt32BigEndian(Take(4)),
            0xd9 => Text(Take(1)[0]),
            0xda => Text(BinaryPrimitives.ReadUInt16BigEndian(Take(2))),
            0xdb => Text((int)BinaryPrimitives.ReadUInt32BigEndian(Take(4))),
            0xdc => ReadArray(BinaryPrimitives.ReadUInt16BigEndian(Take(2))),
            0xde => SkipMap(BinaryPrimitives.ReadUInt16BigEndian(Take(2))),
            >= 0xe0 => (long)(sbyte)kind,
            _ => throw new InvalidDataException($"MessagePack type 0x{kind:x2} is not read here."),
        };
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private string Text(int length) => Encoding.UTF8.GetString(Take(length));

    private object?[] ReadArray(int count)
    {
        var values = new object?[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = Read();
        }

        return values;
    }

    private object? SkipMap(int count)
    {
        for (int i = 0; i < 2 * count; i++)
        {
            Read();
        }

        return null;
    }
}
