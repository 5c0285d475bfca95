using Bunit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class RecommendationCardTests : BunitContext
{
    private static readonly ItemInfo Matrix = Films.Film(2571, "The Matrix", 1999, "Action", "Sci-Fi", "Thriller");

    public RecommendationCardTests() => Services.AddSingleton<IConfiguration>(
        new ConfigurationBuilder().AddInMemoryCollection([new("Pages:ImageOrigins:0", "https://images.example.com")]).Build());

    [Fact]
    public void It_shows_rank_title_year_categories_and_score()
    {
        var card = Card(Matrix);

        Assert.Equal("3", card.Find(".rank").TextContent);
        Assert.Equal("The Matrix", card.Find("[data-testid=title]").TextContent);
        Assert.Equal("1999", card.Find("[data-testid=year]").TextContent);
        Assert.Equal(["Action", "Sci-Fi", "Thriller"], card.FindAll("[data-testid=category]").Select(category => category.TextContent));
        Assert.Equal("0.875", card.Find("[data-testid=score]").TextContent);
        Assert.Empty(card.FindAll("img"));
    }

    [Fact]
    public void An_item_without_metadata_shows_only_its_title()
    {
        var card = Card(new ItemInfo(7, "Movie 7", []));

        Assert.Equal("Movie 7", card.Find("[data-testid=title]").TextContent);
        Assert.Empty(card.FindAll("[data-testid=year]"));
        Assert.Empty(card.FindAll("[data-testid=category]"));
    }

    [Fact]
    public void The_explanation_is_there_when_one_came()
    {
        Assert.Equal("Because you watched Heat", Card(Matrix, "Because you watched Heat").Find("[data-testid=explanation]").TextContent);
        Assert.Empty(Card(Matrix).FindAll("[data-testid=explanation]"));
    }

    [Theory]
    [InlineData("https://images.example.com/soap.jpg?w=300", true)]
    [InlineData("https://elsewhere.example.com/soap.jpg", false)]
    [InlineData("https://images.example.com.evil.test/soap.jpg", false)]
    [InlineData("javascript:alert(1)", false)]
    [InlineData("soap.jpg", false)]
    public void A_picture_is_shown_from_the_allowed_origins_only(string address, bool isShown)
    {
        var card = Card(Matrix, imageUrl: address);

        Assert.Equal(isShown ? [address] : [], card.FindAll("img").Select(image => image.GetAttribute("src")!));
        Assert.All(card.FindAll("img"), image => Assert.Equal(("Picture of The Matrix", "lazy"), (image.GetAttribute("alt"), image.GetAttribute("loading"))));
    }

    private IRenderedComponent<RecommendationCard> Card(ItemInfo item, string? explanation = null, string? imageUrl = null) =>
        Render<RecommendationCard>(parameters => parameters
            .Add(card => card.Item, Films.Recommended(item, 0.875f, explanation) with { ImageUrl = imageUrl })
            .Add(card => card.Rank, 3));
}
