namespace NanoRecSys.Training.Indexing;

/// <summary>Numbers of the standard normal distribution (Box and Muller, 1958).</summary>
internal static class Gaussian
{
    public static void Fill(Span<float> values, Random random)
    {
        for (int i = 0; i < values.Length; i += 2)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            (double sin, double cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(radius * cos);
            if (i + 1 < values.Length)
            {
                values[i + 1] = (float)(radius * sin);
            }
        }
    }
}
