namespace NanoRecSys.Core.Retrieval.Scan;

/// <summary>A query as 16-bit integers b with one scale s, and how far s * b is from it.</summary>
internal readonly ref struct ShortQuery
{
    // The largest sum of products of D bytes with 16-bit values must fit 32 bits.
    private const int LargestSum = int.MaxValue / byte.MaxValue;

    private ShortQuery(ReadOnlySpan<int> pairs, float scale, int sum, float norm, float error)
    {
        Pairs = pairs;
        Scale = scale;
        Sum = sum;
        Norm = norm;
        Error = error;
    }

    /// <summary>[PairsOf(D)]: two values in each, the first in the low half.</summary>
    public ReadOnlySpan<int> Pairs { get; }

    /// <summary>s</summary>
    public float Scale { get; }

    /// <summary>The sum of b's values.</summary>
    public int Sum { get; }

    /// <summary>|s * b|</summary>
    public float Norm { get; }

    /// <summary>|query - s * b|</summary>
    public float Error { get; }

    public static int PairsOf(int dimension) => (dimension + 1) / 2;

    /// <param name="query">[D]</param>
    /// <param name="pairs">[PairsOf(D)]; overwritten.</param>
    public static ShortQuery Quantize(ReadOnlySpan<float> query, Span<int> pairs)
    {
        float largest = 0;
        foreach (float value in query)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        int steps = Math.Min(short.MaxValue, LargestSum / query.Length);
        float scale = largest > 0 ? largest / steps : 1;
        double norm = 0;
        double error = 0;
        int sum = 0;
        pairs.Clear();
        for (int i = 0; i < query.Length; i++)
        {
            // Clamped: a denormal scale may round to more steps than there are. Such errors count like others.
            int value = (int)Math.Clamp(MathF.Round(query[i] / scale), -steps, steps);
            pairs[i / 2] |= i % 2 == 0 ? value & 0xFFFF : value << 16;
            sum += value;
            double restored = (double)scale * value;
            norm += restored * restored;
            error += (query[i] - restored) * (query[i] - restored);
        }

        return new ShortQuery(pairs, scale, sum, (float)Math.Sqrt(norm), (float)Math.Sqrt(error));
    }
}
