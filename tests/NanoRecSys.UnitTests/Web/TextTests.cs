using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.UnitTests.Web;

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
