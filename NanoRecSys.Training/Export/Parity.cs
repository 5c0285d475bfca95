using System.Numerics.Tensors;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export;

/// <summary>Compares an exported graph with the network it was made from.</summary>
internal static class Parity
{
    /// <summary>Float32 sums in another order differ by about 1e-6; a wrong graph by 1e-2 and more.</summary>
    public const double Tolerance = 1e-4;

    /// <summary>What a user tower in 8 bits may not fall below.</summary>
    public const double LeastMeanCosine = 0.995;

    /// <summary>
    /// Encodes each history alone and without padding, as serving does, and all of them in one padded batch;
    /// both must match.
    /// </summary>
    /// <param name="tower">The exported graph.</param>
    /// <param name="histories">[B]</param>
    /// <param name="trained">[B, D] what the trained network makes of them.</param>
    public static ParityInfo OfUserTower(OnnxUserTower tower, IReadOnlyList<TimedHistory> histories, ReadOnlySpan<float> trained)
    {
        float[] alone = [.. histories.SelectMany(history => tower.Encode([history]))];
        float[] together = tower.Encode(histories);
        return new ParityInfo(Math.Max(MaxAbsDifference(alone, trained), MaxAbsDifference(together, trained)), histories.Count, Tolerance);
    }

    /// <summary>As serving encodes: each history alone.</summary>
    /// <param name="tower">The exported graph in 8 bits.</param>
    /// <param name="histories">[B]</param>
    /// <param name="trained">[B, D] what the trained network makes of them, L2-normalised.</param>
    public static ParityInfo OfInt8(OnnxUserTower tower, IReadOnlyList<TimedHistory> histories, ReadOnlySpan<float> trained)
    {
        float[] alone = [.. histories.SelectMany(history => tower.Encode([history]))];
        double difference = MaxAbsDifference(alone, trained);
        double cosines = TensorPrimitives.Dot(alone, trained); // of unit vectors
        return new ParityInfo(difference, histories.Count, 1 - LeastMeanCosine) { MeanCosine = cosines / histories.Count };
    }

    /// <summary>NaN where either holds one: no NaN may pass for equal.</summary>
    public static double MaxAbsDifference(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        if (actual.Length != expected.Length)
        {
            throw new InvalidDataException($"The exported graph gives {actual.Length} values, the trained network {expected.Length}.");
        }

        double largest = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs((double)actual[i] - expected[i])); // Math.Max keeps a NaN.
        }

        return largest;
    }

    public static bool Holds(ParityInfo parity) =>
        parity.MeanCosine is { } cosine ? 1 - cosine <= parity.Tolerance : parity.MaxAbsDifference <= parity.Tolerance;

    /// <exception cref="UserErrorException">The difference is larger than allowed, or not a number.</exception>
    public static ParityInfo Require(string file, ParityInfo parity) => Holds(parity)
        ? parity
        : throw new UserErrorException(
            $"{file} differs from the trained network by {parity.MaxAbsDifference:G3} over {parity.Cases} cases, allowed is {parity.Tolerance:G3}. " +
            "Nothing was exported; train again, and if that does not help, report it.");
}
