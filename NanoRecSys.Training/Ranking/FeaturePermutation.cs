using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Ranking;

/// <summary>A feature whose worth is measured by dealing it to other items.</summary>
public enum PermutedFeature
{
    Genres,
    Year,
    Popularity,
}

/// <summary>The same items with one feature dealt out anew.</summary>
internal static class FeaturePermutation
{
    private const int Seed = 20_230; // any, but the same for every model

    public static Catalog Apply(PermutedFeature feature, Catalog catalog)
    {
        int[] from = [.. Enumerable.Range(0, catalog.Count)];
        new Random(Seed).Shuffle(from);
        return new Catalog([.. catalog.Items.Select((item, row) => Deal(feature, item, catalog.Items[from[row]]))]);
    }

    private static CatalogItem Deal(PermutedFeature feature, CatalogItem item, CatalogItem other) => feature switch
    {
        PermutedFeature.Genres => item with { Genres = other.Genres },
        PermutedFeature.Year => item with { Year = other.Year },
        _ => item with { Count = other.Count },
    };
}
