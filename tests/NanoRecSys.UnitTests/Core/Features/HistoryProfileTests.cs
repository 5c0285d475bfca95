using NanoRecSys.Core.Features;

namespace NanoRecSys.UnitTests.Core.Features;

public sealed class HistoryProfileTests
{
    private static readonly Catalog Catalog = new(
    [
        Film.Of(0, 10, "A", 1990, ["Drama"], 1),
        Film.Of(1, 11, "B", 2000, ["War"], 1),
        Film.Of(2, 12, "C", null, [], 1),
    ]);

    private static readonly ItemFeatures Features = new(Catalog, new ItemLayout(["Drama", "War"], [NumberLayout.Year]));
    private static readonly float[] Embeddings = [1, 0, 0, 1, -1, 0];

    [Fact]
    public void The_last_item_counts_most()
    {
        // After A and then B: embeddings (0.8, 1) / 1.8, genres (0.97, 1) normalized, year (0.9 * 1990 + 2000) / 1.9.
        float[] drama = Compare([0, 1], row: 0, cosine: 0.5f);
        float[] war = Compare([0, 1], row: 1, cosine: 0.25f);

        float length = MathF.Sqrt(0.97f * 0.97f + 1);
        Assert.Equal([0.5f, 0.8f / 1.8f, 0.97f / length, 1 - 5.2632f / 40], drama, Near);
        Assert.Equal([0.25f, 1 / 1.8f, 1 / length, 1 - 4.7368f / 40], war, Near);
    }

    [Fact]
    public void Unknown_values_contribute_nothing()
    {
        Assert.Equal([0.1f, -0.8f / 1.8f, 0, 0], Compare([0, 1], row: 2, cosine: 0.1f), Near); // no genres, no year
        Assert.Equal([0.1f, 0, 0, 0], Compare([], row: 0, cosine: 0.1f), Near);
    }

    [Fact]
    public void The_distance_of_years_is_capped_at_forty() =>
        Assert.Equal(0, CompareYear(1900), 1e-6f);

    [Fact]
    public void Prices_are_compared_by_their_quantiles()
    {
        // Each of 1, 2, 4, 8, 1000, 5000 is a fifth of the scale from the next.
        var items = new Catalog([.. new[] { 1.0, 2, 4, 8, 1000, 5000 }.Select((price, row) => new CatalogItem(row, row, "", [], 1)
        {
            Attributes = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase) { ["price"] = AttributeValue.OfNumber(price) },
        })]);
        var features = new ItemFeatures(items, ItemLayout.Of(items));
        var signals = new float[4];

        HistoryProfile.Of([2], features, new float[12], 2).Compare(0, [0, 0], [], features.PositionsOf(3), signals);
        Assert.Equal(0.8f, signals[3], 1e-6f);
        HistoryProfile.Of([5], features, new float[12], 2).Compare(0, [0, 0], [], features.PositionsOf(0), signals);
        Assert.Equal(0, signals[3], 1e-6f);
    }

    [Fact]
    public void SignalReader_gives_each_number_attribute_a_signal_of_its_own()
    {
        var layout = new ItemLayout([], [NumberLayout.Year, new NumberLayout("price", [5], [1, 5, 9])]);
        IReadOnlyList<string> names = RankerSignals.Of(["numbers", "cosine"], layout);
        var reader = new SignalReader(names, new ItemFeatures(Catalog, layout), Embeddings, 2);
        var signals = new float[3];

        reader.Read([0], [1], [0.5f], signals); // no item has a price

        Assert.Equal(["cosine", "number:year", "number:price"], names);
        Assert.Equal([0.5f, 0.75f, 0], signals, Near);
    }

    private static float CompareYear(int year)
    {
        var signals = new float[4];
        HistoryProfile.Of([1], Features, Embeddings, 2).Compare(0, [0, 0], [0, 0], [year], signals);
        return signals[3];
    }

    private static float[] Compare(int[] history, int row, float cosine)
    {
        var signals = new float[4];
        HistoryProfile.Of(history, Features, Embeddings, 2)
            .Compare(cosine, Embeddings.AsSpan(2 * row, 2), Features.CategoriesOf(row, []), Features.PositionsOf(row), signals);
        return signals;
    }

    private static bool Near(float a, float b) => MathF.Abs(a - b) < 1e-4f;
}
