using Bunit;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class RecommendationCardTests : BunitContext
{
    private static readonly ItemInfo Matrix = new(2571, "The Matrix", 1999, ["Action", "Sci-Fi", "Thriller"]);

    [Fact]
    public void It_shows_rank_title_year_genres_and_score()
    {
        var card = Card(Matrix);

        Assert.Equal("3", card.Find(".rank").TextContent);
        Assert.Equal("The Matrix", card.Find("[data-testid=title]").TextContent);
        Assert.Equal("1999", card.Find("[data-testid=year]").TextContent);
        Assert.Equal(["Action", "Sci-Fi", "Thriller"], card.FindAll("[data-testid=genre]").Select(genre => genre.TextContent));
        Assert.Equal("0.875", card.Find("[data-testid=score]").TextContent);
    }

    [Fact]
    public void A_movie_without_metadata_shows_only_its_title()
    {
        var card = Card(new ItemInfo(7, "Movie 7", null, []));

        Assert.Equal("Movie 7", card.Find("[data-testid=title]").TextContent);
        Assert.Empty(card.FindAll("[data-testid=year]"));
        Assert.Empty(card.FindAll("[data-testid=genre]"));
    }

    [Fact]
    public void The_explanation_is_there_when_one_came()
    {
        Assert.Equal("Because you watched Heat", Card(Matrix, "Because you watched Heat").Find("[data-testid=explanation]").TextContent);
        Assert.Empty(Card(Matrix, "").FindAll("[data-testid=explanation]"));
    }

    private IRenderedComponent<RecommendationCard> Card(ItemInfo item, string? explanation = null) =>
        Render<RecommendationCard>(parameters => parameters
            .Add(card => card.Movie, item)
            .Add(card => card.Rank, 3)
            .Add(card => card.Score, 0.875)
            .Add(card => card.Explanation, explanation));
}
