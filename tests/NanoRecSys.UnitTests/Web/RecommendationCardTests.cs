using Bunit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
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
