using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.Training.Models.Attention;

/// <summary>One thread's room for one sequence and head: some 750 KB at 200 x 64, so that it stays in the second-level cache.</summary>
internal sealed unsafe class AttentionBuffers
{
    private const nuint Alignment = 64;

    // A training asks for the same sizes thousands of times, and fresh memory would have to be mapped each time.
    private static readonly ConcurrentBag<AttentionBuffers> Idle = [];

    private readonly float*[] _matrices = new float*[9];
    private readonly int _longest;
    private readonly int _width;

    private AttentionBuffers(int longest, int width)
    {
        (_longest, _width) = (longest, width);
        nuint n = (nuint)longest, d = (nuint)width;
        for (int i = 0; i < _matrices.Length; i++)
        {
            _matrices[i] = (float*)NativeMemory.AlignedAlloc((i < 2 ? n * n : n * d) * sizeof(float), Alignment);
        }
    }

    /// <summary>[n, n]</summary>
    public float* Weights => _matrices[0];

    /// <summary>[n, n]</summary>
    public float* WeightsGradient => _matrices[1];

    /// <summary>[n, d], scaled.</summary>
    public float* Queries => _matrices[2];

    /// <summary>[n, d]</summary>
    public float* Keys => _matrices[3];

    /// <summary>[d, n]</summary>
    public float* KeysTransposed => _matrices[4];

    /// <summary>[n, d]</summary>
    public float* Values => _matrices[5];

    /// <summary>[d, n]</summary>
    public float* ValuesTransposed => _matrices[6];

    /// <summary>[n, d] gradient of the output.</summary>
    public float* OutputGradient => _matrices[7];

    /// <summary>[n, d] what is computed.</summary>
    public float* Result => _matrices[8];

    /// <param name="longest">Items of the longest sequence.</param>
    /// <param name="width">Of a head.</param>
    public static AttentionBuffers Rent(int longest, int width)
    {
        (longest, width) = (AttentionTiles.RoundUp(longest), AttentionTiles.RoundUp(width));
        if (!Idle.TryTake(out AttentionBuffers? found))
        {
            return new AttentionBuffers(longest, width);
        }

        if (found._longest >= longest && found._width >= width)
        {
            return found;
        }

        found.Free();
        return new AttentionBuffers(Math.Max(longest, found._longest), Math.Max(width, found._width));
    }

    public void Return() => Idle.Add(this);

    private void Free()
    {
        for (int i = 0; i < _matrices.Length; i++)
        {
            NativeMemory.AlignedFree(_matrices[i]);
            _matrices[i] = null;
        }
    }
}
