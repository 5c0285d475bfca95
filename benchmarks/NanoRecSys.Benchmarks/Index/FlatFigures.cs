using System.Text.Json;

namespace NanoRecSys.Benchmarks.Index;

/// <summary>What the verb <c>index</c> measures; milliseconds are medians over all queries, on one thread.</summary>
/// <param name="Rows">Vectors.</param>
/// <param name="Dimension">D</param>
/// <param name="K">Neighbours asked for.</param>
/// <param name="Excluded">Rows left out.</param>
/// <param name="FlatMs">The flat index, a query at a time.</param>
/// <param name="BatchMs">The flat index, many queries at once.</param>
/// <param name="SimdMs">Comparing every row in fp32 with SIMD.</param>
/// <param name="PlainMs">Comparing every row with a scalar loop.</param>
/// <param name="ScannedBytes">What one query of the flat index reads, at least.</param>
/// <param name="BandwidthMs">Reading that many bytes the faster of two ways; see <see cref="MemoryReading"/>.</param>
/// <param name="ExactQueries">Queries compared with the fp32 scan.</param>
/// <param name="FlatExact">Whether all of them found the same rows in the same order.</param>
internal sealed record FlatFigures(
    int Rows, int Dimension, int K, int Excluded, double FlatMs, double BatchMs, double SimdMs, double PlainMs,
    long ScannedBytes, double BandwidthMs, int ExactQueries, bool FlatExact)
{
    public static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public double GigabytesPerSecond => ScannedBytes / BandwidthMs / 1e6;
}
