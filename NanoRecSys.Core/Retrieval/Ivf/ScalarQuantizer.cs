namespace NanoRecSys.Core.Retrieval.Ivf;

/// <summary>
/// One byte per dimension between the least and the largest value seen there: FAISS's <c>QT_8bit</c>. Code c stands for
/// least + (c + 0.5) / 255 * range.
/// </summary>
/// <param name="Least">[D]</param>
/// <param name="Range">[D]</param>
public sealed record ScalarQuantizer(float[] Least, float[] Range)
{
    public int Dimension => Least.Length;

    /// <param name="vectors">[rows, D]; what lies outside of them later is clamped.</param>
    /// <param name="dimension">D</param>
    public static ScalarQuantizer Train(ReadOnlySpan<float> vectors, int dimension)
    {
        var least = new float[dimension];
        var range = new float[dimension];
        for (int d = 0; d < dimension && !vectors.IsEmpty; d++)
        {
            (float low, float high) = (float.PositiveInfinity, float.NegativeInfinity);
            for (int i = d; i < vectors.Length; i += dimension)
            {
                (low, high) = (Math.Min(low, vectors[i]), Math.Max(high, vectors[i]));
            }

            (least[d], range[d]) = (low, high - low);
        }

        return new ScalarQuantizer(least, range);
    }

    /// <param name="vector">[D]</param>
    /// <param name="codes">[D]</param>
    public void Encode(ReadOnlySpan<float> vector, Span<byte> codes)
    {
        for (int d = 0; d < vector.Length; d++)
        {
            float share = Range[d] == 0 ? 0 : Math.Clamp((vector[d] - Least[d]) / Range[d], 0, 1);
            codes[d] = (byte)(255 * share);
        }
    }

    /// <param name="codes">[D]</param>
    /// <param name="vector">[D]</param>
    public void Decode(ReadOnlySpan<byte> codes, Span<float> vector)
    {
        for (int d = 0; d < vector.Length; d++)
        {
            vector[d] = Least[d] + (codes[d] + 0.5f) / 255 * Range[d];
        }
    }
}
