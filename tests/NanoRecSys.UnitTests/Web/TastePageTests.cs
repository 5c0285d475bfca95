using NanoRecSys.Web.Components.Taste;

namespace NanoRecSys.UnitTests.Web;

public sealed class TastePageTests
{
    [Fact]
    public void An_address_names_films_in_order_and_each_once() => Assert.Equal([260, EntityId.Of("B00-x,1"), 7], TastePage.Ids("260,B00-x%2C1,260,,7"));

    [Fact]
    public void An_address_without_films_names_none() => Assert.Empty(TastePage.Ids(null));
}
