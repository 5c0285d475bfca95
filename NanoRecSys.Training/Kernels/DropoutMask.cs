using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static NanoRecSys.Core.Kernels.Vectors512;

namespace NanoRecSys.Training.Kernels;

/// <summary>A dropout mask as a function of a key and a position: 0 with probability <c>rate</c>, else 1 / (1 - rate). The backward pass recomputes it
/// on any thread, and it is never stored. The mixing is MurmurHash3's finalizer.</summary>
internal readonly unsafe struct DropoutMask
{
    private readonly uint _threshold;
    private readonly uint _seed;
    private readonly float _scale;

    /// <param name="rate">0..1</param>
    public DropoutMask(double rate, ulong key)
    {
        _threshold = (uint)Math.Min(rate * 4294967296.0, uint.MaxValue);
        _seed = Fold(key);
        _scale = (float)(1 / (1 - rate));
    }

    public static DropoutMask None { get; } = new(0, 0);

    /// <summary>The mask of sixteen values, from <paramref name="first"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> At(long first) =>
        Vector512.Create(_scale) & Vector512.GreaterThanOrEqual(Mix(Vector512.Create(_seed), (uint)first), Vector512.Create(_threshold)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Apply(float* values, int count)
    {
        for (int j = 0; j < count; j += Lanes)
        {
            (Vector512.Load(values + j) * At(j)).Store(values + j);
        }
    }

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
        Vector512<uint> x = ((Vector512<uint>.Indices + Vector512.Create(first)) * 0x9E3779B9u) + seed;
        x ^= Vector512.ShiftRightLogical(x, 16);
        x *= 0x85EBCA6Bu;
        x ^= Vector512.ShiftRightLogical(x, 13);
        x *= 0xC2B2AE35u;
        return x ^ Vector512.ShiftRightLogical(x, 16);
    }
}

/// <summary>The random source of the kernels' dropout; torch has its own generator. Kernels compute the mask along with the values: torch's
/// takes 7 ms for 12,800 x 64 (one thread), more than three times as long as the matrix product before it.</summary>
internal sealed class DropoutNoise(long seed)
{
    private ulong _drawn;

    /// <summary>A new key, never 0.</summary>
    public ulong NextKey() => (((ulong)seed << 24) ^ ++_drawn) | (1UL << 63);

    public DropoutMask NextMask(double rate) => rate == 0 ? DropoutMask.None : new DropoutMask(rate, NextKey());
}
