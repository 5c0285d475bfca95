using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Kernels;

/// <summary>Parts of attention for one head: reading and turning its rows, and the softmax of a row of scores.</summary>
internal static unsafe class AttentionHead
{
    private const int Lanes = 16;

    private static readonly Vector512<int> Ascending = Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    /// <summary>D and d, the width of a head.</summary>
    /// <exception cref="InvalidDataException">The kernels do not take these.</exception>
    public static (int All, int Head) Widths(int width, int heads)
    {
        KernelCall.Multiple(width, ByteSteps.Side);
        return heads > 0 ? (width, KernelCall.Multiple(width / heads, AttentionTiles.Side)) : throw new InvalidDataException("The node has no heads.");
    }

    /// <summary>cos or sin of every position: [max L, d / 2].</summary>
    /// <exception cref="InvalidDataException">The history is longer than it is.</exception>
    public static float* Turns(KernelCall call, int input, int length, int d)
    {
        long values = call.Values(input);
        if (values < (long)length * (d / 2))
        {
            throw new InvalidDataException($"A history of {length} items is longer than the positions that the graph knows: {values / (d / 2)}.");
        }

        return call.Input<float>(input, values);
    }

    /// <summary>
    /// A product's sums in a head's columns, as numbers, turned by the position (Su et al., 2021): the halves (a, b) become
    /// (a cos - b sin, b cos + a sin).
    /// </summary>
    /// <param name="sums">[d] of a position.</param>
    /// <param name="scales">[d]</param>
    /// <param name="bias">[d]</param>
    /// <param name="cos">[d / 2] of the position.</param>
    /// <param name="sin">[d / 2] of the position.</param>
    /// <param name="to">[d]</param>
    /// <param name="half">d / 2, a multiple of sixteen.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadTurned(int* sums, float* scales, float* bias, float* cos, float* sin, float* to, int half)
    {
        for (int k = 0; k < half; k += Lanes)
        {
            Vector512<float> a = ByteSteps.Read(sums + k, scales + k, bias + k);
            Vector512<float> b = ByteSteps.Read(sums + half + k, scales + half + k, bias + half + k);
            Vector512<float> c = Vector512.Load(cos + k), s = Vector512.Load(sin + k);
            ((a * c) - (b * s)).Store(to + k);
            ((b * c) + (a * s)).Store(to + half + k);
        }
    }

    /// <summary>As it is, without a turn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(int* sums, float* scales, float* bias, float* to, int width)
    {
        for (int k = 0; k < width; k += Lanes)
        {
            ByteSteps.Read(sums + k, scales + k, bias + k).Store(to + k);
        }
    }

    /// <summary>row = e^(row - largest) in its first <paramref name="count"/>, zero in the rest of the last vector.</summary>
    /// <returns>What the row is to be multiplied by, to add up to one.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Softmax(float* row, int count)
    {
        Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
        int whole = count - (count % Lanes);
        Vector512<float> isInside = Vector512.LessThan(Ascending, Vector512.Create(count - whole)).AsSingle();
        for (int j = 0; j < whole; j += Lanes)
        {
            largest = Vector512.Max(largest, Vector512.Load(row + j));
        }

        if (whole < count)
        {
            largest = Vector512.Max(largest, Vector512.ConditionalSelect(isInside, Vector512.Load(row + whole), largest));
        }

        Vector512<float> shift = Vector512.Create(Largest(largest)), sum = default;
        for (int j = 0; j < whole; j += Lanes)
        {
            Vector512<float> e = FastExp.Exp(Vector512.Load(row + j) - shift);
            e.Store(row + j);
            sum += e;
        }

        if (whole < count)
        {
            Vector512<float> e = FastExp.Exp(Vector512.Load(row + whole) - shift) & isInside;
            e.Store(row + whole);
            sum += e;
        }

        return 1 / Vector512.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector512<float> values)
    {
        Vector256<float> eight = Vector256.Max(values.GetLower(), values.GetUpper());
        Vector128<float> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}
