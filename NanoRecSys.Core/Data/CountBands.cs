using System.Numerics;

namespace NanoRecSys.Core.Data;

/// <summary>Histograms of counts in bands that double (0, 1, 2 to 3, 4 to 7, ...), because history lengths and popularity are long-tailed.</summary>
internal static class CountBands
{
    /// <returns>From the lowest band that is not empty to the highest; empty without counts.</returns>
    public static CountBand[] Of(IEnumerable<int> counts)
    {
        ILookup<int, int> byBand = counts.ToLookup(count => count == 0 ? -1 : BitOperations.Log2((uint)count));
        return byBand.Count == 0 ? [] :
        [
            .. Enumerable.Range(byBand.Min(band => band.Key), byBand.Max(band => band.Key) - byBand.Min(band => band.Key) + 1)
                .Select(band => new CountBand(band < 0 ? 0 : 1 << band, band < 0 ? 0 : (int)((1L << (band + 1)) - 1), byBand[band].Count())),
        ];
    }
}
