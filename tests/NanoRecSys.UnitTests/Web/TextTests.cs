using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.UnitTests.Web;

public sealed class TextTests
{
    [Theory]
    [InlineData("Seven (a.k.a. Se7en)", "Seven")]
    [InlineData("Raiders of the Lost Ark (Indiana Jones and the Raiders of the Lost Ark)", "Raiders of the Lost Ark")]
    [InlineData("Because you watched Seven (a.k.a. Se7en) and Fargo.", "Because you watched Seven and Fargo.")]
    [InlineData("(500) Days of Summer", "(500) Days of Summer")] // There it is the name.
    [InlineData("M*A*S*H", "M*A*S*H")]
    public void A_film_keeps_its_name_and_loses_what_it_is_also_called(string text, string expected) =>
        Assert.Equal(expected, Text.WithoutOtherNames(text));
}
