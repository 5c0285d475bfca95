using System.Globalization;

namespace NanoRecSys.Training.Import;

/// <summary>
/// The buffer <c>rope.inv_freq</c> [d / 2] of heads of width d: base^(-2j / d). Not needed, but it tells the base and,
/// by its length, the number of heads, which nothing else in the weights does.
/// </summary>
internal static class RotaryFrequencies
{
    // Of float32, and of the half-precision formats that a whole checkpoint may have been turned into.
    private const double FineTolerance = 2e-6;
    private const double CoarseTolerance = 4e-3;
    private const int FineDigits = 7;
    private const int CoarseDigits = 3;

    /// <summary>[d / 2]</summary>
    public static float[] Of(double ropeBase, int headWidth) =>
        [.. Enumerable.Range(0, headWidth / 2).Select(j => (float)Math.Pow(ropeBase, -2.0 * j / headWidth))];

    /// <summary>The base with the fewest digits that explains all frequencies; null where a single one leaves it open.</summary>
    /// <exception cref="InvalidDataException">They are no powers of one base.</exception>
    public static double? BaseOf(float[] frequencies)
    {
        if (frequencies is [1])
        {
            return null;
        }

        int headWidth = 2 * frequencies.Length;
        double exact = Math.Pow(frequencies[^1], -(double)headWidth / (headWidth - 2));
        for (int digits = 1; digits <= FineDigits; digits++)
        {
            if (Explains(Round(exact, digits), FineTolerance))
            {
                return Round(exact, digits);
            }
        }

        for (int digits = 1; digits <= CoarseDigits; digits++)
        {
            if (Explains(Round(exact, digits), CoarseTolerance))
            {
                return Round(exact, digits);
            }
        }

        throw new InvalidDataException("'rope.inv_freq' holds other frequencies than base^(-2j / d), which the rotary embedding here uses.");

        bool Explains(double ropeBase, double tolerance) =>
            ropeBase > 1 && frequencies.Zip(Of(ropeBase, headWidth)).All(pair => Math.Abs(pair.First - pair.Second) <= tolerance * pair.Second);
    }

    private static double Round(double value, int digits) => double.IsFinite(value)
        ? double.Parse(value.ToString($"E{digits - 1}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
        : double.NaN;
}
