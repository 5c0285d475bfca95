using NanoRecSys.Benchmarks.Circuits;

namespace NanoRecSys.UnitTests.Benchmarks.Circuits;

public sealed class BlazorPackTests
{
    [Fact]
    public void A_call_is_its_length_and_six_parts() => Assert.Equal(
        [
            0x16, // 22 bytes follow
            0x96, 0x01, 0x80, // an invocation without headers
            0xc0, // nobody waits for its answer
            0xdb, 0, 0, 0, 1, (byte)'T',
            0x92, 0xd3, 0, 0, 0, 0, 0, 0, 0, 7, 0xc3, // the arguments 7 and true
            0x90,
        ],
        BlazorPack.Call("T", null, 7L, true));

    [Fact]
    public void What_is_written_can_be_read()
    {
        ReadOnlyMemory<byte> received = BlazorPack.Call("OnLocationChanged", "3", "http://localhost/ü", null, true, -9L);

        Assert.True(PackReader.TryTakeMessage(ref received, out ReadOnlyMemory<byte> message));
        var parts = (object?[])new PackReader(message.Span).Read()!;

        Assert.True(received.IsEmpty);
        Assert.Equal([1L, null, "3", "OnLocationChanged"], parts[..4]);
        Assert.Equal(["http://localhost/ü", null, true, -9L], (object?[])parts[4]!);
    }

    [Fact]
    public void A_message_that_has_not_all_arrived_is_left_for_later()
    {
        byte[] call = BlazorPack.Call("OnRenderCompleted", null, 1L, null);
        ReadOnlyMemory<byte> received = call.AsMemory(0, call.Length - 1);

        Assert.False(PackReader.TryTakeMessage(ref received, out _));
        Assert.Equal(call.Length - 1, received.Length);
    }

    [Fact]
    public void A_long_message_has_a_length_of_several_bytes()
    {
        ReadOnlyMemory<byte> received = BlazorPack.Call("T", null, new string('x', 300));

        Assert.Equal((0x80 | ((received.Length - 2) & 0x7f), (received.Length - 2) >> 7), (received.Span[0], received.Span[1]));
        Assert.True(PackReader.TryTakeMessage(ref received, out _));
    }
}
