using System.Runtime.InteropServices;

namespace NanoRecSys.Training.Models.Attention;

/// <summary>One thread's room for one sequence and head: some 750 KB at 200 x 64, so that it stays in the second-level cache.</summary>
internal sealed unsafe class AttentionBuffers : IDisposable
{
    private const nuint Alignment = 64;

    private readonly float*[] _matrices = new float*[9];

    /// <param name="longest">Items of the longest sequence.</param>
    /// <param name="width">Of a head.</param>
    public AttentionBuffers(int longest, int width)
    {
        nuint n = (nuint)AttentionTiles.RoundUp(longest), d = (nuint)AttentionTiles.RoundUp(width);
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

    public void Dispose()
    {
        for (int i = 0; i < _matrices.Length; i++)
        {
            NativeMemory.AlignedFree(_matrices[i]);
            _matrices[i] = null;
        }
    }
}
