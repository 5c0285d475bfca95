using NanoRecSys.Core.Features;

namespace NanoRecSys.UnitTests.Core.Features;

public sealed class ContentMapTests : FolderTests
{
    // Columns: constant, year unknown, 1990, 2000, price unknown, 10, 20, 90, Drama, War, brand=Sony, star.
    private static readonly ContentFeatures Features = new(new ContentLayout(
        new ItemLayout(["Drama", "War", "brand=Sony"], [NumberLayout.Year with { Knots = [1990, 2000] }, new NumberLayout("price", [20], [10, 20, 90])]), ["star"]));

    // One row per feature; the constant and unknown values add nothing.
    private static readonly ContentMap Map = new(Features,
    [
        0, 0, 0, 0,
        0, 0, 0, 0,
        0, 0, 3, 0,
        0, 0, 0, 3,
        0, 0, 0, 0,
        0, 0, 0, 1,
        0, 0, 0, 2,
        0, 0, 0, 9,
        1, 0, 0, 0,
        0, 1, 0, 0,
        0, 5, 0, 0,
        2, 0, 0, 0,
    ]);

    [Fact]
    public void An_item_is_the_sum_of_its_features_at_length_one()
    {
        float[] embedding = Map.Embed(Item("Lone Star", 1990, ["Drama"]));

        // Star and Drama: 2 + 1 along the first axis, 1990: 3 along the third.
        float half = MathF.Sqrt(0.5f);
        Assert.Equal([half, 0, half, 0], embedding, Near);
    }

    [Fact]
    public void A_year_between_two_knots_shares_in_both() =>
        Assert.Equal([0.7f, 0.3f], Features.Of(Item("", 1993, [])).Where(f => f.Column is 2 or 3).Select(f => f.Value), Near);

    [Theory]
    [InlineData(10, 5, 1f)]
    [InlineData(55, 6, 0.5f)]
    [InlineData(90, 7, 1f)]
    [InlineData(1000, 7, 1f)] // above every price seen in training
    public void A_price_between_two_knots_shares_in_both(double price, int column, float share) =>
        Assert.Equal(share, Features.Of(Priced(price, "Sony")).Single(feature => feature.Column == column).Value, 1e-6f);

    [Fact]
    public void Values_of_an_attribute_are_features_beside_the_categories() =>
        Assert.Contains(new ContentFeature(10, 1), Features.Of(Priced(10, "sony")));

    [Fact]
    public void With_many_categories_each_weighs_less() =>
        Assert.Equal(MathF.Sqrt(0.5f), Features.Of(Item("", null, ["Drama", "War", "War"])).First(f => f.Column == 9).Value, 1e-6f);

    [Fact]
    public void Features_unseen_in_training_are_ignored() =>
        Assert.Equal([new(0, 1), new(1, 1), new(4, 1)], Features.Of(Item("Unheard", null, ["Musical"])));

    [Fact]
    public void An_item_without_known_features_is_zero_and_not_NaN() =>
        Assert.Equal([0, 0, 0, 0], Map.Embed(Item("", null, [])));

    [Fact]
    public void Words_of_few_titles_are_not_features()
    {
        var catalog = new Catalog([.. new[] { "Star Trek", "Star Wars", "A Star", "Wars" }.Select((title, row) => Film.Of(row, row, title, 1980, ["War"], 1))]);

        ContentLayout layout = ContentFeatures.LayoutOf(catalog);

        Assert.Equal(["star"], layout.Words);
        Assert.Equal(["War"], layout.Items.Categories);
    }

    [Fact]
    public void A_catalog_without_metadata_has_only_the_constant() =>
        Assert.Equal(1, new ContentFeatures(ContentFeatures.LayoutOf(new Catalog([new(0, EntityId.Of("a-1"), "a-1", [], 1), new(1, EntityId.Of("b-2"), "b-2", [], 1)]))).Count);

    [Fact]
    public void It_is_read_as_it_was_written()
    {
        Map.Write(Folder.File("map.npy"), Folder.File("features.json"));

        ContentMap read = ContentMap.Read(Folder.File("map.npy"), Folder.File("features.json"));

        Assert.Equal(Map.Embed(Priced(55, "Sony")), read.Embed(Priced(55, "Sony")));
        Assert.Equal(Map.Embed(Item("Star", 1997, ["War"])), read.Embed(Item("Star", 1997, ["War"])));
    }

    [Theory]
    [InlineData("""{"items": {"categories": ["a", "b", "c", "d", "e", "f"], "numbers": []}, "words": []}""", "48 weights are not rows for 7 features")]
    [InlineData("""["bias", "genre:Drama"]""", "are not a content map")] // the format of earlier versions
    public void Features_of_another_map_are_refused(string features, string expected)
    {
        Map.Write(Folder.File("map.npy"), Folder.File("features.json"));
        File.WriteAllText(Folder.File("features.json"), features);

        InvalidDataException e = Assert.Throws<InvalidDataException>(() => ContentMap.Read(Folder.File("map.npy"), Folder.File("features.json")));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    private static CatalogItem Item(string title, int? year, string[] categories) => Film.Of(0, 1, title, year, categories, 0);

    private static CatalogItem Priced(double price, string brand) => new(0, 1, "", [], 0)
    {
        Attributes = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase)
        {
            ["Price"] = AttributeValue.OfNumber(price),
            ["brand"] = AttributeValue.OfCategory(brand),
        },
    };

    private static bool Near(float a, float b) => MathF.Abs(a - b) < 1e-6f;
}

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
