using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Training.Models.Attention;

/// <summary>
/// Random bits as a function of a seed and a place, so that the same mask can be made again on the way back, by any
/// thread. The mixing is that of MurmurHash3's last step.
/// </summary>
internal static unsafe class RandomBits
{
    private const int Lanes = 16;

    private static readonly Vector512<uint> Ascending = Vector512.Create(0u, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    /// <summary>values[j] = 0 with probability <paramref name="rate"/>, else values[j] / (1 - rate).</summary>
    /// <param name="values">Rounded up to whole vectors.</param>
    /// <param name="count">Of values.</param>
    /// <param name="rate">0..1</param>
    /// <param name="key">Another key, another mask.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Drop(float* values, int count, double rate, ulong key)
    {
        Vector512<uint> threshold = Vector512.Create(Threshold(rate)), seed = Vector512.Create(Fold(key));
        Vector512<float> scale = Vector512.Create((float)(1 / (1 - rate)));
        for (int j = 0; j < count; j += Lanes)
        {
            Vector512<float> isKept = Vector512.GreaterThanOrEqual(Mix(seed, (uint)j), threshold).AsSingle();
            ((Vector512.Load(values + j) * scale) & isKept).Store(values + j);
        }
    }

    /// <summary>mask[j] = 0 with probability <paramref name="rate"/>, else 1 / (1 - rate).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fill(Span<float> mask, double rate, ulong key)
    {
        Vector512<uint> threshold = Vector512.Create(Threshold(rate)), seed = Vector512.Create(Fold(key));
        Vector512<float> scale = Vector512.Create((float)(1 / (1 - rate)));
        int j = 0;
        for (; j + Lanes <= mask.Length; j += Lanes)
        {
            (scale & Vector512.GreaterThanOrEqual(Mix(seed, (uint)j), threshold).AsSingle()).CopyTo(mask[j..]);
        }

        Vector512<float> rest = scale & Vector512.GreaterThanOrEqual(Mix(seed, (uint)j), threshold).AsSingle();
        for (int lane = 0; j < mask.Length; j++, lane++)
        {
            mask[j] = rest[lane];
        }
    }

    private static uint Threshold(double rate) => (uint)Math.Min(rate * 4294967296.0, uint.MaxValue);

    private static uint Fold(ulong key)
    {
        key ^= key >> 33;
        key *= 0xFF51AFD7ED558CCD;
        key ^= key >> 33;
        return (uint)(key ^ (key >> 32));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Mix(Vector512<uint> seed, uint first)
    {
        Vector512<uint> x = (Ascending + Vector512.Create(first)) * 0x9E3779B9u + seed;
        x ^= Vector512.ShiftRightLogical(x, 16);
        x *= 0x85EBCA6Bu;
        x ^= Vector512.ShiftRightLogical(x, 13);
        x *= 0xC2B2AE35u;
        return x ^ Vector512.ShiftRightLogical(x, 16);
    }
}
