using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Explore;

namespace NanoRecSys.UnitTests.Web;

public sealed class MapSheetTests
{
    private static readonly ItemMap Map = new("v1", "neighbours", 0.3,
    [
        new(new ItemInfo(10, "Heat", 1995, ["Action", "Crime"]), 50, 0.123456f, -1),
        new(new ItemInfo(20, "Alien", 1979, ["Horror", "Sci-Fi"]), 40, 0, 1),
        new(new ItemInfo(30, "Seven", 1995, ["Crime", "Thriller"]), 30, 1, 0),
        new(new ItemInfo(40, "Movie 40", null, []), 1, 0, 0),
    ]);

    [Fact]
    public void A_movie_takes_the_colour_of_its_most_telling_genre_and_the_most_common_comes_first()
    {
        MapSheet sheet = MapSheet.From(Map);

        Assert.Equal(["Crime", "Horror", ""], sheet.Genres.Select(genre => genre.Name));
        Assert.Equal([0, 1, 0, 2], sheet.Genre);
        Assert.Equal([232, 352, null], sheet.Genres.Select(genre => genre.Hue));
        Assert.Equal([2, 1, 1], sheet.Genres.Select(genre => genre.Movies));
    }

    [Fact]
    public void Places_are_rounded_to_what_can_be_seen() => Assert.Equal([0.1235, 0, 1, 0], MapSheet.From(Map).X);
}
