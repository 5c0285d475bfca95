using NanoRecSys.Core.Features;
using NanoRecSys.Core.Onnx;

namespace NanoRecSys.UnitTests.Core.Features;

public sealed class ItemLayoutTests
{
    [Fact]
    public void The_layout_of_films_has_their_genres_and_the_year()
    {
        var films = new Catalog([Film.Of(0, 1, "A", 1965, ["Drama", "Comedy"], 7), Film.Of(1, 2, "B", 1999, ["Drama"], 1), Film.Of(2, 3, "C", null, [], 0)]);
        List<string> notes = [];

        ItemLayout layout = ItemLayout.Of(films, notes);

        Assert.Equal(["Comedy", "Drama"], layout.Categories);
        Assert.True(Assert.Single(layout.Numbers).IsYear);
        Assert.Equal(6, layout.Numbers[0].Buckets);
        Assert.Empty(notes);
    }

    [Theory]
    [InlineData(double.NaN, 0)]
    [InlineData(1902, 1)]
    [InlineData(1969, 1)]
    [InlineData(1970, 2)]
    [InlineData(1979, 2)]
    [InlineData(1980, 3)]
    [InlineData(1990, 4)]
    [InlineData(1999, 4)]
    [InlineData(2000, 5)]
    [InlineData(2026, 5)]
    public void Years_fall_into_six_buckets(double year, int bucket) => Assert.Equal(bucket, NumberLayout.Year.BucketOf(year));

    [Fact]
    public void Attributes_of_products_are_columns_buckets_and_knots()
    {
        // Forty products with prices of 1 to 40, half of them by Sony; two have a unique brand.
        Catalog products = Products(40, row => new()
        {
            ["brand"] = AttributeValue.OfCategory(row < 20 ? "Sony" : row < 22 ? $"Rare {row}" : "Philips"),
            ["colours"] = AttributeValue.OfCategories(["black", row % 2 == 0 ? "red" : "blue"]),
            ["price"] = AttributeValue.OfNumber(row + 1),
            ["released"] = AttributeValue.OfTime(1_000_000 * row),
            ["description"] = AttributeValue.OfText("A radio."),
        });
        List<string> notes = [];

        ItemLayout layout = ItemLayout.Of(products, notes);

        Assert.Equal(["Audio", "brand=Philips", "brand=Sony", "colours=black", "colours=blue", "colours=red"], layout.Categories);
        Assert.Equal(["price", "released"], layout.Numbers.Select(number => number.Name));
        Assert.Equal([1, 5, 9, 13, 17, 21, 24, 28, 32, 36, 40], layout.Numbers[0].Knots);
        Assert.Equal(layout.Numbers[0].Knots.Skip(1).SkipLast(1), layout.Numbers[0].Edges);
        Assert.Equal((1, 1, 2, 10, 10), (Bucket(-7), Bucket(1), Bucket(5), Bucket(36), Bucket(99)));
        Assert.Equal(["2 of the 4 values of 'brand' have fewer than 3 items each and are not read by models."], notes);
        Assert.True(layout.Reads("Brand") && layout.Reads("price") && !layout.Reads("description"));

        int Bucket(double price) => layout.Numbers[0].BucketOf(price);
    }

    [Fact]
    public void Each_of_few_different_numbers_has_a_bucket()
    {
        NumberLayout stars = Number("stars", [1, 1, 1, 2, 2, 5]);

        Assert.Equal([0, 1, 2, 3], new[] { double.NaN, 1, 2, 5 }.Select(stars.BucketOf));
        Assert.Equal([1, 2, 5], stars.Knots);
    }

    [Fact]
    public void A_number_that_nearly_all_items_share_does_not_hide_the_others()
    {
        NumberLayout discount = Number("discount", [.. Enumerable.Repeat(0.0, 300), .. Enumerable.Range(1, 20).Select(value => (double)value)]);

        Assert.True(discount.BucketOf(0) < discount.BucketOf(6) && discount.BucketOf(6) < discount.BucketOf(15));
    }

    [Fact]
    public void A_year_that_is_not_a_release_year_is_an_ordinary_number()
    {
        NumberLayout age = Number("year", [1, 2, 3, 4]);

        Assert.False(age.IsYear);
        Assert.Equal(5, age.Buckets);
    }

    [Fact]
    public void Uninformative_numbers_are_left_out_and_named()
    {
        List<string> notes = [];

        ItemLayout layout = ItemLayout.Of(
            Products(4, row => row < 2 ? new() { ["rare"] = AttributeValue.OfNumber(row), ["same"] = AttributeValue.OfNumber(7) } : new() { ["same"] = AttributeValue.OfNumber(7) }), notes);

        Assert.Empty(layout.Numbers);
        Assert.Equal(
            ["The attribute 'same' is not read by models: all items have the same value.", "The attribute 'rare' is not read by models: fewer than 3 items have it."], notes);
    }

    [Fact]
    public void Sixteen_numbers_and_a_thousand_categories_are_read_and_the_rest_is_named()
    {
        // 900 categories of five products each, and 150 batches of thirty.
        Catalog products = Products(4500, row => new(Enumerable.Range(0, 18).ToDictionary(n => $"n{n:00}", n => AttributeValue.OfNumber(row * n + row)))
        {
            ["batch"] = AttributeValue.OfCategory($"{row % 150}"),
        }, row => [$"c{row % 900:000}"]);
        List<string> notes = [];

        ItemLayout layout = ItemLayout.Of(products, notes);

        Assert.Equal((1000, 16), (layout.Categories.Count, layout.Numbers.Count));
        Assert.Equal(150, layout.Categories.Count(name => name.StartsWith("batch=", StringComparison.Ordinal)));
        Assert.Equal("n15", layout.Numbers[^1].Name);
        Assert.Equal(
            [
                "Models read the 1,000 most frequent categories and attribute values; 50 rarer ones are left out.",
                "The attribute 'n16' is not read by models, which read 16 number attributes at most.",
                "The attribute 'n17' is not read by models, which read 16 number attributes at most.",
            ], notes);
    }

    [Fact]
    public void An_attribute_that_names_each_item_is_left_out()
    {
        List<string> notes = [];

        ItemLayout layout = ItemLayout.Of(Products(100_002, row => new() { ["barcode"] = AttributeValue.OfCategory($"{row}") }), notes);

        Assert.Equal(["Audio"], layout.Categories);
        Assert.Equal(["The attribute 'barcode' has more than 100,000 distinct values and is not read by models."], notes);
    }

    [Fact]
    public void A_catalog_without_metadata_has_an_empty_layout()
    {
        ItemLayout layout = ItemLayout.Of(new Catalog([new(0, EntityId.Of("a"), "a", [], 3), new(1, EntityId.Of("b"), "b", [], 1)]));

        Assert.Empty(layout.Categories);
        Assert.Empty(layout.Numbers);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(3, 0.25)]
    [InlineData(5, 0.5)]
    [InlineData(95, 1)]
    [InlineData(1000, 1)]
    [InlineData(-3, 0)]
    public void Positions_are_interpolated_between_the_knots(double value, float position) =>
        Assert.Equal(position, new NumberLayout("price", [5], [1, 5, 95]).PositionOf(value), 1e-6f);

    private static NumberLayout Number(string name, double[] values) => Assert.Single(
        ItemLayout.Of(Products(values.Length, row => new() { [name] = AttributeValue.OfNumber(values[row]) })).Numbers);

    private static Catalog Products(int count, Func<int, Dictionary<string, AttributeValue>> attributes, Func<int, string[]>? categories = null) => new(
    [
        .. Enumerable.Range(0, count).Select(row => new CatalogItem(row, EntityId.Of($"sku-{row}"), $"Radio {row}", categories?.Invoke(row) ?? ["Audio"], 1)
        {
            Attributes = new Dictionary<string, AttributeValue>(attributes(row), StringComparer.OrdinalIgnoreCase),
        }),
    ]);
}

public sealed class ItemFeaturesTests
{
    private static readonly Catalog Movies = new(
    [
        Film.Of(0, 10, "A", 1965, ["Drama", "Comedy"], 7),
        Film.Of(1, 11, "B", 1999, ["Drama"], 1),
        Film.Of(2, 12, "C", null, [], 0),
    ]);

    [Fact]
    public void Popularity_is_the_log_of_the_count_over_that_of_the_largest()
    {
        // log(8) / log(8), log(2) / log(8), log(1) / log(8)
        float[] popularity = new ItemFeatures(Movies, ItemLayout.Of(Movies)).Popularity.ToArray();
        Assert.Equal([1f, 1f / 3, 0f], popularity, (a, b) => MathF.Abs(a - b) < 1e-6f);
    }

    [Fact]
    public void Categories_are_flags_in_the_order_of_the_layout_without_unknown_ones()
    {
        var features = new ItemFeatures(Movies, Named("Drama", "Western", "Comedy"));
        Assert.Equal([1, 0, 1], features.CategoriesOf(0, []));
        Assert.Equal([1, 0, 0], features.CategoriesOf(1, []));
        Assert.Equal([0, 0, 0], features.CategoriesOf(2, []));
        Assert.Equal([0], new ItemFeatures(Movies, Named("Western")).CategoriesOf(0, []));
    }

    [Fact]
    public void Values_of_attributes_are_flags_whatever_their_letter_case()
    {
        var catalog = new Catalog([new CatalogItem(0, 1, "Radio", ["Audio"], 1)
        {
            Attributes = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase)
            {
                ["brand"] = AttributeValue.OfCategory("SONY"),
                ["colours"] = AttributeValue.OfCategories(["red", "black"]),
                ["price"] = AttributeValue.OfNumber(20),
            },
        }]);

        var features = new ItemFeatures(catalog, Named("Audio", "brand=Philips", "brand=Sony", "colours=black", "colours=red"));

        Assert.Equal([1, 0, 1, 1, 1], features.CategoriesOf(0, []));
    }

    [Fact]
    public void A_catalog_without_interactions_has_no_popularity()
    {
        var catalog = new Catalog([Film.Of(0, 10, "A", 1965, [], 0)]);

        var features = new ItemFeatures(catalog, ItemLayout.Of(catalog));

        Assert.Equal([0f], features.Popularity);
        Assert.Equal([1], features.Buckets);
    }

    [Fact]
    public void A_new_item_gets_the_popularity_of_an_average_interaction()
    {
        var catalog = new Catalog([Film.Of(0, 1, "A", null, [], 9), Film.Of(1, 2, "B", null, [], 1), Film.Of(2, 3, "C", null, [], 0)]);

        var features = new ItemFeatures(catalog, ItemLayout.Empty);

        // (9 log 10 + 1 log 2) / 10 = 2.1416: about 7.5 interactions, of at most 9.
        Assert.Equal(8, features.TypicalCount);
        Assert.Equal(Math.Log(9) / Math.Log(10), features.TypicalPopularity, 1e-5);
    }

    [Fact]
    public void A_new_item_is_read_as_a_trained_one_with_the_same_attributes()
    {
        var features = new ItemFeatures(Movies, ItemLayout.Of(Movies));

        RankerItems trained = features.Read([0], new float[4]);
        RankerItems added = features.ReadNew(Film.Of(0, 99, "New", 1965, ["Comedy", "Drama", "Musical"], 0), dimension: 4);

        Assert.Equal(trained.Categories, added.Categories);
        Assert.Equal(Assert.Single(trained.Numbers), Assert.Single(added.Numbers));
        Assert.Equal((0, 1), (trained.Unknown[0], added.Unknown[0]));
    }

    private static ItemLayout Named(params string[] categories) => new(categories, []);
}
