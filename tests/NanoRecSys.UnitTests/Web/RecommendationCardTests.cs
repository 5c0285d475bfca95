using Bunit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Components.Elements;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class RecommendationCardTests : BunitContext
{
    private static readonly ItemInfo Matrix = Films.Film(2571, "The Matrix", 1999, "Action", "Sci-Fi", "Thriller");

    public RecommendationCardTests() => Services.AddSingleton<IConfiguration>(
        new ConfigurationBuilder().AddInMemoryCollection([new("Pages:ImageOrigins:0", "https://images.example.com")]).Build());

    [Fact]
    public void An_item_without_metadata_shows_only_its_title()
    {
        var card = Card(new ItemInfo(7, "Movie 7", []));

        Assert.Equal("Movie 7", card.Find("[data-testid=title]").TextContent);
        Assert.Empty(card.FindAll("[data-testid=year]"));
        Assert.Empty(card.FindAll("[data-testid=category]"));
    }

    [Theory]
    [InlineData("https://images.example.com/soap.jpg?w=300", true)]
    [InlineData("https://elsewhere.example.com/soap.jpg", false)]
    [InlineData("https://images.example.com.evil.test/soap.jpg", false)]
    [InlineData("javascript:alert(1)", false)]
    [InlineData("soap.jpg", false)]
    public void A_picture_is_shown_from_the_allowed_origins_only(string address, bool isShown)
    {
        var card = Card(Matrix, address);

        Assert.Equal(isShown ? [address] : [], card.FindAll("img").Select(image => image.GetAttribute("src")!));
        Assert.All(card.FindAll("img"), image => Assert.Equal(("Picture of The Matrix", "lazy"), (image.GetAttribute("alt"), image.GetAttribute("loading"))));
    }

    private IRenderedComponent<RecommendationCard> Card(ItemInfo item, string? imageUrl = null) =>
        Render<RecommendationCard>(parameters => parameters
            .Add(card => card.Item, Films.Recommended(item, 0.875f) with { ImageUrl = imageUrl })
            .Add(card => card.Rank, 3));
}

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

public sealed class RankMoveTests
{
    private static readonly EntityId[] Before = [10, 20, 30];

    [Fact]
    public void A_movie_that_was_not_in_the_list_is_new() => Assert.Equal("new", RankMove.Of(99, 0, Before)!.Sign);

    [Theory]
    [InlineData(30, 0, "▲ 2", "up by 2")]
    [InlineData(10, 1, "▼ 1", "down by 1")]
    public void A_movie_that_was_in_the_list_shows_how_far_it_moved(int item, int rank, string sign, string words)
    {
        RankMove move = RankMove.Of(item, rank, Before)!;

        Assert.Equal((sign, words), (move.Sign, move.InWords));
    }

    [Fact]
    public void Without_a_move_or_a_list_to_compare_with_nothing_is_shown()
    {
        Assert.Null(RankMove.Of(20, 1, Before));
        Assert.Null(RankMove.Of(20, 1, null));
    }
}

public sealed class TextTests
{
    [Theory]
    [InlineData("Seven (a.k.a. Se7en)", "Seven")]
    [InlineData("Raiders of the Lost Ark (Indiana Jones and the Raiders of the Lost Ark)", "Raiders of the Lost Ark")]
    [InlineData("Because you watched Seven (a.k.a. Se7en) and Fargo.", "Because you watched Seven and Fargo.")]
    [InlineData("(500) Days of Summer", "(500) Days of Summer")] // part of the name
    [InlineData("M*A*S*H", "M*A*S*H")]
    public void A_films_alternative_titles_are_removed(string text, string expected) =>
        Assert.Equal(expected, Text.WithoutOtherNames(text));

    [Theory]
    [InlineData("Because you watched Captain Horatio Hornblower R.N..", "Because you watched Captain Horatio Hornblower R.N.")]
    [InlineData("Because you watched Nell. It is new.", "Because you watched Nell. It is new.")]
    [InlineData("Because you watched Tick, Tick...", "Because you watched Tick, Tick...")]
    public void A_reason_ends_with_one_full_stop(string text, string expected) => Assert.Equal(expected, Text.Reason(text));

    [Theory]
    [InlineData(0, "0.00 ms")]
    [InlineData(0.004, "4 µs")]
    [InlineData(0.0994, "99 µs")]
    [InlineData(0.0995, "0.10 ms")]
    [InlineData(2.345, "2.35 ms")]
    [InlineData(44.8, "44.8 ms")]
    [InlineData(579, "579 ms")]
    [InlineData(4200, "4.2 s")]
    public void A_duration_is_written_with_about_three_digits(double milliseconds, string expected) =>
        Assert.Equal(expected, Text.Milliseconds(milliseconds));
}
