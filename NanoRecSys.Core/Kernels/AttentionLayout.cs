using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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
            for (int i = 0; i < rows; i++, row += columns)
            {
                (to0[i], to1[i], to2[i], to3[i]) = (row[0], row[1], row[2], row[3]);
            }
        }
    }
}
