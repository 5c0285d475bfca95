using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace NanoRecSys.Benchmarks.Circuits;

/// <summary>
/// As much of Blazor's wire format as a circuit needs: SignalR's messages in MessagePack, each after its length.
/// See the MessagePack specification and SignalR's HubProtocol.md.
/// </summary>
internal static class BlazorPack
{
    public const int Invocation = 1;
    public const int Completion = 3;
    public const int Ping = 6;
    public const int Close = 7;

    /// <summary>Both ends agree on the format before the first message; the separator is SignalR's.</summary>
    public static ReadOnlyMemory<byte> Handshake { get; } = "{\"protocol\":\"blazorpack\",\"version\":1}\u001e"u8.ToArray();

    /// <param name="target">The server's method.</param>
    /// <param name="invocationId">Null where no answer is wanted.</param>
    /// <param name="arguments">Strings, integers, booleans and nulls.</param>
    public static byte[] Call(string target, string? invocationId, params object?[] arguments)
    {
        var message = new ArrayBufferWriter<byte>();
        message.Write<byte>([0x96, Invocation, 0x80]); // six parts: kind, no headers, ...
        WriteValue(message, invocationId);
        WriteValue(message, target);
        message.Write<byte>([(byte)(0x90 | arguments.Length)]);
        foreach (object? argument in arguments)
        {
            WriteValue(message, argument);
        }

        message.Write<byte>([0x90]); // no streams
        return WithLength(message.WrittenSpan);
    }

    public static byte[] PingMessage() => WithLength([0x91, Ping]);

    private static byte[] WithLength(ReadOnlySpan<byte> message)
    {
        var framed = new ArrayBufferWriter<byte>(message.Length + 5);
        for (uint left = (uint)message.Length; ; left >>= 7)
        {
            framed.Write<byte>([(byte)(left < 0x80 ? left : (left & 0x7f) | 0x80)]);
            if (left < 0x80)
            {
                break;
            }
        }

        framed.Write(message);
        return framed.WrittenSpan.ToArray();
    }

    private static void WriteValue(ArrayBufferWriter<byte> output, object? value)
    {
        switch (value)
        {
            case null:
                output.Write<byte>([0xc0]);
                break;
            case bool truth:
                output.Write<byte>([truth ? (byte)0xc3 : (byte)0xc2]);
                break;
            case long number:
                Span<byte> bytes = stackalloc byte[9];
                bytes[0] = 0xd3;
                BinaryPrimitives.WriteInt64BigEndian(bytes[1..], number);
                output.Write(bytes);
                break;
            case string text:
                byte[] utf8 = Encoding.UTF8.GetBytes(text);
                Span<byte> head = stackalloc byte[5];
                head[0] = 0xdb;
                BinaryPrimitives.WriteUInt32BigEndian(head[1..], (uint)utf8.Length);
                output.Write(head);
                output.Write(utf8);
                break;
            default:
                throw new ArgumentException($"{value.GetType().Name} is not written here.", nameof(value));
        }
    }
}
