using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Training.Models.Attention;

/// <summary>
/// The three matrix products of causal attention, on one sequence and one head. Every buffer is row-major, zero
/// beyond the sequence, and its sides n and d are multiples of <see cref="Side"/>, so that no loop has a rest. What
/// lies above the diagonal is skipped, but for the rest of a tile of 4 x 32.
/// </summary>
/// <remarks>
/// 4 rows x 2 vectors: eight independent sums, enough to hide the latency of a fused multiply-add, fed by two loads
/// and four broadcasts.
/// </remarks>
internal static unsafe class AttentionTiles
{
    /// <summary>Two vectors of sixteen floats.</summary>
    public const int Side = 32;

    private const int Lanes = 16;
    private const int Rows = 4;

    public static int RoundUp(int count) => (count + Side - 1) / Side * Side;

    /// <summary>s[i, j] = a[i] · b[j] for j up to i.</summary>
    /// <param name="a">[n, d]</param>
    /// <param name="bTransposed">[d, n]</param>
    /// <param name="s">[n, n]; tiles wholly above the diagonal stay as they are.</param>
    /// <param name="n">Positions, padded.</param>
    /// <param name="d">Width of a head, padded.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Products(float* a, float* bTransposed, float* s, int n, int d)
    {
        for (int i = 0; i < n; i += Rows)
        {
            float* a0 = a + (long)i * d, a1 = a0 + d, a2 = a1 + d, a3 = a2 + d;
            for (int j = 0; j < i + Rows; j += Side)
            {
                Vector512<float> s00 = default, s01 = default, s10 = default, s11 = default;
                Vector512<float> s20 = default, s21 = default, s30 = default, s31 = default;
                float* column = bTransposed + j;
                for (int k = 0; k < d; k++, column += n)
                {
                    Vector512<float> b0 = Vector512.Load(column), b1 = Vector512.Load(column + Lanes);
                    Accumulate(a0[k], b0, b1, ref s00, ref s01);
                    Accumulate(a1[k], b0, b1, ref s10, ref s11);
                    Accumulate(a2[k], b0, b1, ref s20, ref s21);
                    Accumulate(a3[k], b0, b1, ref s30, ref s31);
                }

                float* to = s + (long)i * n + j;
                Store(to, s00, s01);
                Store(to + n, s10, s11);
                Store(to + 2 * n, s20, s21);
                Store(to + 3 * n, s30, s31);
            }
        }
    }

    /// <summary>o[i] = sum over j up to i of w[i, j] b[j].</summary>
    /// <param name="w">[n, n], zero above the diagonal within tiles.</param>
    /// <param name="b">[n, d]</param>
    /// <param name="o">[n, d]</param>
    /// <param name="n">Positions, padded.</param>
    /// <param name="d">Width of a head, padded.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SumOverPast(float* w, float* b, float* o, int n, int d)
    {
        for (int i = 0; i < n; i += Rows)
        {
            float* w0 = w + (long)i * n, w1 = w0 + n, w2 = w1 + n, w3 = w2 + n;
            for (int column = 0; column < d; column += Side)
            {
                Vector512<float> o00 = default, o01 = default, o10 = default, o11 = default;
                Vector512<float> o20 = default, o21 = default, o30 = default, o31 = default;
                float* row = b + column;
                for (int j = 0; j < i + Rows; j++, row += d)
                {
                    Vector512<float> b0 = Vector512.Load(row), b1 = Vector512.Load(row + Lanes);
                    Accumulate(w0[j], b0, b1, ref o00, ref o01);
                    Accumulate(w1[j], b0, b1, ref o10, ref o11);
                    Accumulate(w2[j], b0, b1, ref o20, ref o21);
                    Accumulate(w3[j], b0, b1, ref o30, ref o31);
                }

                float* to = o + (long)i * d + column;
                Store(to, o00, o01);
                Store(to + d, o10, o11);
                Store(to + 2 * d, o20, o21);
                Store(to + 3 * d, o30, o31);
            }
        }
    }

    /// <summary>o[j] = sum over i from j on of w[i, j] b[i].</summary>
    /// <param name="w">[n, n], zero above the diagonal within tiles.</param>
    /// <param name="b">[n, d]</param>
    /// <param name="o">[n, d]</param>
    /// <param name="n">Positions, padded.</param>
    /// <param name="d">Width of a head, padded.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SumOverFuture(float* w, float* b, float* o, int n, int d)
    {
        for (int j = 0; j < n; j += Rows)
        {
            for (int column = 0; column < d; column += Side)
            {
                Vector512<float> o00 = default, o01 = default, o10 = default, o11 = default;
                Vector512<float> o20 = default, o21 = default, o30 = default, o31 = default;
                float* row = b + (long)j * d + column;
                float* weight = w + (long)j * n + j;
                for (int i = j; i < n; i++, row += d, weight += n)
                {
                    Vector512<float> b0 = Vector512.Load(row), b1 = Vector512.Load(row + Lanes);
                    Accumulate(weight[0], b0, b1, ref o00, ref o01);
                    Accumulate(weight[1], b0, b1, ref o10, ref o11);
                    Accumulate(weight[2], b0, b1, ref o20, ref o21);
                    Accumulate(weight[3], b0, b1, ref o30, ref o31);
                }

                float* to = o + (long)j * d + column;
                Store(to, o00, o01);
                Store(to + d, o10, o11);
                Store(to + 2 * d, o20, o21);
                Store(to + 3 * d, o30, o31);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(float scale, Vector512<float> b0, Vector512<float> b1, ref Vector512<float> sum0, ref Vector512<float> sum1)
    {
        Vector512<float> broadcast = Vector512.Create(scale);
        sum0 = Vector512.FusedMultiplyAdd(broadcast, b0, sum0);
        sum1 = Vector512.FusedMultiplyAdd(broadcast, b1, sum1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, Vector512<float> first, Vector512<float> second)
    {
        first.Store(to);
        second.Store(to + Lanes);
    }
}
