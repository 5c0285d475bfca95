using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Training.Models.Attention;

/// <summary>
/// One row of attention: scores into weights and back, sixteen at a time. A row's buffer is full of vectors; what
/// lies at and behind <c>count</c> is written as zero.
/// </summary>
internal static unsafe class AttentionWeights
{
    private const int Lanes = 16;

    private static readonly Vector512<int> Ascending = Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    /// <summary>row = softmax(row)</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* row, int count)
    {
        Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
        for (int j = 0; j < count; j += Lanes)
        {
            largest = Vector512.Max(largest, Vector512.ConditionalSelect(Inside(j, count), Vector512.Load(row + j), largest));
        }

        Vector512<float> shift = Vector512.Create(Largest(largest));
        Vector512<float> sum = default;
        for (int j = 0; j < count; j += Lanes)
        {
            Vector512<float> e = Vector512.Exp(Vector512.Load(row + j) - shift) & Inside(j, count);
            e.Store(row + j);
            sum += e;
        }

        Vector512<float> scale = Vector512.Create(1 / Vector512.Sum(sum));
        for (int j = 0; j < count; j += Lanes)
        {
            (Vector512.Load(row + j) * scale).Store(row + j);
        }
    }

    /// <summary>gradient = weights * (gradient - weights · gradient): back through the softmax.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SoftmaxBack(float* weights, float* gradient, int count)
    {
        Vector512<float> sum = default;
        for (int j = 0; j < count; j += Lanes)
        {
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(weights + j), Vector512.Load(gradient + j), sum);
        }

        Vector512<float> mean = Vector512.Create(Vector512.Sum(sum));
        for (int j = 0; j < count; j += Lanes)
        {
            (Vector512.Load(weights + j) * (Vector512.Load(gradient + j) - mean)).Store(gradient + j);
        }
    }

    /// <summary>row += bias</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* row, float* bias, int count)
    {
        for (int j = 0; j < count; j += Lanes)
        {
            (Vector512.Load(row + j) + Vector512.Load(bias + j)).Store(row + j);
        }
    }

    /// <summary>All bits where the lane's column is below <paramref name="count"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Inside(int column, int count) =>
        Vector512.LessThan(Ascending, Vector512.Create(count - column)).AsSingle();

    private static float Largest(Vector512<float> values)
    {
        float largest = values[0];
        for (int lane = 1; lane < Lanes; lane++)
        {
            largest = MathF.Max(largest, values[lane]);
        }

        return largest;
    }
}
