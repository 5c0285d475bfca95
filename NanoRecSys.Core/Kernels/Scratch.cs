using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Kernels;

/// <summary>A thread's room for what a kernel computes in between. It grows to the largest that was asked for, and is given out anew by each call.</summary>
internal sealed unsafe class Scratch
{
    private const nuint Alignment = 64;

    [ThreadStatic]
    private static Scratch? OfThread;

    private byte* _memory;
    private nuint _size;

    ~Scratch() => NativeMemory.AlignedFree(_memory);

    /// <returns>Room for so many floats, aligned, with anything in it; what the thread had before is no longer its.</returns>
    public static float* Take(long count)
    {
        Scratch own = OfThread ??= new Scratch();
        nuint size = (nuint)count * sizeof(float);
        if (own._size < size)
        {
            own._memory = (byte*)NativeMemory.AlignedRealloc(own._memory, size, Alignment);
            own._size = size;
        }

        return (float*)own._memory;
    }
}
