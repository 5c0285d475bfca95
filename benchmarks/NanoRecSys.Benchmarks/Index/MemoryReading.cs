using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace NanoRecSys.Benchmarks.Index;

/// <summary>Reads memory and does nothing with it but adding: the least that a scan of as many bytes can take.</summary>
internal static class MemoryReading
{
    private const int Streams = 4;
    private const int Ahead = 4096; // a page: there the processor's own asking ahead ends
    private const int CacheLine = 64;

    /// <summary>From the first byte to the last; what comes next the processor guesses.</summary>
    public static long InOrder(ReadOnlySpan<byte> memory)
    {
        Vector<long> first = default, second = default;
        ReadOnlySpan<Vector<long>> words = MemoryMarshal.Cast<byte, Vector<long>>(memory);
        for (int i = 0; i + 1 < words.Length; i += 2)
        {
            first += words[i];
            second += words[i + 1];
        }

        return Vector.Sum(first + second);
    }

    /// <summary>Four pages side by side, and of each the next one asked for beforehand, as the flat index reads its rows.</summary>
    public static unsafe long AskingAhead(ReadOnlySpan<byte> memory)
    {
        Vector<long> sum = default;
        fixed (byte* start = memory)
        {
            byte* end = start + memory.Length - (Streams * Ahead);
            for (byte* pages = start; pages <= end; pages += Streams * Ahead)
            {
                for (int at = 0; at < Ahead; at += CacheLine)
                {
                    for (int stream = 0; stream < Streams; stream++)
                    {
                        byte* line = pages + (stream * Ahead) + at;
                        if (Sse.IsSupported)
                        {
                            Sse.Prefetch1(line + (Streams * Ahead));
                        }

                        for (int word = 0; word < CacheLine; word += Vector<byte>.Count)
                        {
                            sum += *(Vector<long>*)(line + word);
                        }
                    }
                }
            }
        }

        return Vector.Sum(sum);
    }
}
