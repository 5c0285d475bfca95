using NanoRecSys.Web.Components.Explore;

namespace NanoRecSys.UnitTests.Web;

public sealed class MapSheetTests
{
    private static readonly ItemMap Map = new("v1", "neighbours", 0.3,
    [
        new(Films.Film(10, "Heat", 1995, "Action", "Crime"), 50, 0.123456f, -1),
        new(Films.Film(20, "Alien", 1979, "Horror", "Sci-Fi"), 40, 0, 1),
        new(Films.Film(30, "Seven", 1995, "Crime", "Thriller"), 30, 1, 0),
        new(Films.Film(40, "Movie 40", null), 1, 0, 0),
    ]);

    [Fact]
    public void A_movie_has_the_colour_of_its_most_specific_genre_and_the_most_common_is_first()
    {
        MapSheet sheet = MapSheet.From(Map);

        Assert.Equal(["Crime", "Horror", ""], sheet.Categories.Select(genre => genre.Name));
        Assert.Equal([0, 1, 0, 2], sheet.Category);
        Assert.Equal([232, 352, null], sheet.Categories.Select(genre => genre.Hue));
        Assert.Equal([2, 1, 1], sheet.Categories.Select(genre => genre.Items));
    }

    [Fact]
    public void In_another_catalog_it_is_the_rarest_of_the_common_categories()
    {
        MapPoint[] points =
        [
            .. Enumerable.Range(0, 40).Select(i => new MapPoint(new ItemInfo(EntityId.Of($"sku-{i}"), $"Soap {i}", ["Beauty", $"only {i}", i % 2 == 0 ? "Hand soap" : "Beauty"]), 1, 0, 0)),
            new MapPoint(new ItemInfo(EntityId.Of("bare"), "Nothing known", []), 1, 0, 0),
        ];

        MapSheet sheet = MapSheet.From(Map with { Points = points });

        Assert.Equal("sku-0", sheet.Ids[0]);
        Assert.True(sheet.Categories.Count <= 18);
        Assert.Contains(sheet.Categories, category => category.Name == "Beauty");
        Assert.Null(sheet.Categories[sheet.Category[^1]].Hue); // gray, without a category
        Assert.All(sheet.Categories.Where(category => category.Name.Length > 0), category => Assert.NotNull(category.Hue));
    }

    [Fact]
    public void Positions_are_rounded_to_visible_precision() => Assert.Equal([0.1235, 0, 1, 0], MapSheet.From(Map).X);
}
