using NanoRecSys.Web.Components.Taste;

namespace NanoRecSys.UnitTests.Web;

public sealed class TastePageTests
{
    [Fact]
    public void An_address_names_films_in_order_and_each_once() => Assert.Equal([260, 1196, 7], TastePage.Ids("260,1196,nonsense,260,,7"));

    [Fact]
    public void An_address_without_films_names_none() => Assert.Empty(TastePage.Ids(null));
}
