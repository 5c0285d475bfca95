using NanoRecSys.Core.Features;
using NanoRecSys.Core.Onnx;

namespace NanoRecSys.UnitTests.Core.Features;

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
