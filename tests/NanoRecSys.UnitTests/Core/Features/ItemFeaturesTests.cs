using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;

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
    public void The_vocabulary_is_alphabetical_and_without_repeats() =>
        Assert.Equal(["Comedy", "Drama"], ItemFeatures.Vocabulary(Movies));

    [Fact]
    public void Popularity_is_the_log_of_the_count_over_that_of_the_largest()
    {
        // log(8) / log(8), log(2) / log(8), log(1) / log(8)
        float[] popularity = new ItemFeatures(Movies, ["Comedy", "Drama"]).Popularity.ToArray();
        Assert.Equal([1f, 1f / 3, 0f], popularity, (a, b) => MathF.Abs(a - b) < 1e-6f);
    }

    [Fact]
    public void Genres_are_flags_in_the_order_of_the_vocabulary_and_strangers_to_it_are_left_out()
    {
        var features = new ItemFeatures(Movies, ["Drama", "Western", "Comedy"]);
        Assert.Equal([1, 0, 1], features.GenresOf(0));
        Assert.Equal([1, 0, 0], features.GenresOf(1));
        Assert.Equal([0, 0, 0], features.GenresOf(2));
        Assert.Equal([0], new ItemFeatures(Movies, ["Western"]).GenresOf(0));
    }

    [Theory]
    [InlineData(null, 0)]
    [InlineData(1902, 1)]
    [InlineData(1969, 1)]
    [InlineData(1970, 2)]
    [InlineData(1979, 2)]
    [InlineData(1980, 3)]
    [InlineData(1990, 4)]
    [InlineData(1999, 4)]
    [InlineData(2000, 5)]
    [InlineData(2026, 5)]
    public void Years_fall_into_six_buckets(int? year, int bucket) => Assert.Equal(bucket, ItemFeatures.YearBucket(year));

    [Fact]
    public void A_catalog_that_nobody_rated_has_no_popularity()
    {
        var features = new ItemFeatures(new Catalog([Film.Of(0, 10, "A", 1965, [], 0)]), []);
        Assert.Equal([0f], features.Popularity);
        Assert.Equal([1], features.Years);
    }

    [Fact]
    public void A_new_item_is_taken_to_be_as_popular_as_that_of_an_average_interaction()
    {
        var catalog = new Catalog([Film.Of(0, 1, "A", null, [], 9), Film.Of(1, 2, "B", null, [], 1), Film.Of(2, 3, "C", null, [], 0)]);

        var features = new ItemFeatures(catalog, []);

        // (9 log 10 + 1 log 2) / 10 = 2.1416: about 7.5 interactions, of at most 9.
        Assert.Equal(8, features.TypicalCount);
        Assert.Equal(Math.Log(9) / Math.Log(10), features.TypicalPopularity, 1e-5);
    }
}
