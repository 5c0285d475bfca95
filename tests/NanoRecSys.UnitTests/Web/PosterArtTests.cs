using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class PosterArtTests
{
    [Fact]
    public void Neighbouring_movies_of_one_genre_differ()
    {
        Assert.NotEqual(PosterArt.For(Movie(1, "Drama")).Shapes, PosterArt.For(Movie(2, "Drama")).Shapes);
    }

    [Fact]
    public void The_most_specific_genre_determines_the_colour()
    {
        Assert.Equal(PosterArt.For(Movie(1, "Western")), PosterArt.For(Movie(1, "Action", "Drama", "Western")));
    }

    [Fact]
    public void In_another_catalog_the_first_category_decides_the_colour_and_the_same_each_time()
    {
        Assert.Equal(PosterArt.For(Movie(1, "Hand soap")), PosterArt.For(Movie(1, "Hand soap", "Beauty")));
        Assert.NotEqual(PosterArt.For(Movie(1, "Hand soap")).Mid, PosterArt.For(Movie(1, "Shampoo")).Mid);
    }

    [Fact]
    public void A_title_too_long_for_a_poster_is_cut()
    {
        string title = string.Concat(Enumerable.Repeat("Moisturizing ", 20));

        Assert.InRange(PosterArt.ShortTitle(new ItemInfo(1, title, [])).Length, 60, 90);
    }

    [Theory]
    [InlineData("Heat", 17)]
    [InlineData("Rushmore", 15.75)] // 8 letters on one line: 126 / 8.
    [InlineData("Koyaanisqatsi", 9.69)]
    public void The_longest_word_fits_on_a_line(string title, double size)
    {
        Assert.Equal(size, PosterArt.For(new ItemInfo(1, title, [])).TitleSize, precision: 2);
    }

    private static ItemInfo Movie(int id, params string[] genres) => new(id, "Heat", genres);
}
