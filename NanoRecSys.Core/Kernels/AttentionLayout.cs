using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NanoRecSys.Core.Kernels;

/// <summary>Moves one head's rows between the pack, where heads and q, k, v lie side by side, and the kernel's padded buffers.</summary>
public static unsafe class AttentionLayout
{
    private const int Lanes = 16;

    /// <summary>Takes rows out of the pack; what the buffer has beyond them becomes zero.</summary>
    /// <param name="from">First value of the first row.</param>
    /// <param name="stride">From row to row.</param>
    /// <param name="to">[padded rows, padded width]</param>
    /// <param name="rows">To take.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="scale">Multiplies them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Read(float* from, int stride, float* to, int rows, int width, float scale)
    {
        int paddedRows = AttentionTiles.RoundUp(rows), paddedWidth = AttentionTiles.RoundUp(width);
        for (int i = 0; i < rows; i++, from += stride, to += paddedWidth)
        {
            int k = 0;
            for (; k + Lanes <= width; k += Lanes)
            {
                (Vector512.Load(from + k) * scale).Store(to + k);
            }

            for (; k < width; k++)
            {
                to[k] = from[k] * scale;
            }

            new Span<float>(to + k, paddedWidth - k).Clear();
        }

        new Span<float>(to, (paddedRows - rows) * paddedWidth).Clear();
    }

    /// <summary>Puts rows back into the pack.</summary>
    /// <param name="from">[padded rows, padded width]</param>
    /// <param name="to">First value of the first row.</param>
    /// <param name="stride">From row to row.</param>
    /// <param name="rows">To put.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="scale">Multiplies them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(float* from, float* to, int stride, int rows, int width, float scale)
    {
        int paddedWidth = AttentionTiles.RoundUp(width);
        for (int i = 0; i < rows; i++, from += paddedWidth, to += stride)
        {
            int k = 0;
            for (; k + Lanes <= width; k += Lanes)
            {
                (Vector512.Load(from + k) * scale).Store(to + k);
            }

            for (; k < width; k++)
            {
                to[k] = from[k] * scale;
            }
        }
    }

    /// <summary>[rows, columns] -> [columns, rows]; both are multiples of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* from, float* to, int rows, int columns)
    {
        for (int k = 0; k < columns; k += 4)
        {
            float* to0 = to + ((long)k * rows), to1 = to0 + rows, to2 = to1 + rows, to3 = to2 + rows;
            float* row = from + k;
            for (int i = 0; i < rows; i += 4, row += 4L * columns)
            {
                Vector128<float> a = Vector128.Load(row), b = Vector128.Load(row + columns);
                Vector128<float> c = Vector128.Load(row + (2L * columns)), d = Vector128.Load(row + (3L * columns));
                (Vector128<float> ab, Vector128<float> cd) = (Low(a, b), Low(c, d)); // a0 b0 a1 b1, c0 d0 c1 d1
                Lower(ab, cd).Store(to0 + i);
                Upper(ab, cd).Store(to1 + i);
                (ab, cd) = (High(a, b), High(c, d));
                Lower(ab, cd).Store(to2 + i);
                Upper(ab, cd).Store(to3 + i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Low(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b) : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> High(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b) : Vector128.Create(a[2], b[2], a[3], b[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Lower(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveLowToHigh(a, b) : Vector128.Create(a.GetLower(), b.GetLower());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Upper(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveHighToLow(b, a) : Vector128.Create(a.GetUpper(), b.GetUpper());
}
