namespace NanoRecSys.UnitTests.Core.Data;

public sealed class ItemTextTests
{
    [Theory]
    [InlineData("Film\r\ntwo (1999)", "Film two", 1999)]
    [InlineData("  Tab\tand\u0000null  ", "Tab and null", null)]
    [InlineData("Right\u202Eto\u200Bleft\uFEFF", "Righttoleft", null)]
    [InlineData("Family \U0001F468\u200D\U0001F469 (2001)", "Family \U0001F468\u200D\U0001F469", 2001)]
    [InlineData("No-break\u00A0space", "No-break space", null)]
    [InlineData(" \t\u0085 ", "", null)]
    [InlineData("Zero (0000)", "Zero (0000)", null)]
    [InlineData("Big (9999)", "Big (9999)", null)]
    [InlineData("Early (1869)", "Early (1869)", null)]
    [InlineData("First (1870)", "First", 1870)]
    [InlineData("Last (2200)", "Last", 2200)]
    public void Titles_are_one_clean_line_and_years_are_years_of_films(string raw, string title, int? year)
    {
        ItemText text = ItemText.Clean(raw, []);

        Assert.Equal((title, year), (text.Title, text.Year));
    }

    [Fact]
    public void A_separate_year_takes_precedence_and_an_impossible_one_is_ignored()
    {
        Assert.Equal(2001, ItemText.Clean("Film (1999)", [], year: 2001).Year);
        Assert.Equal(1999, ItemText.Clean("Film (1999)", [], year: 9999).Year);
    }

    [Fact]
    public void Genres_are_trimmed_and_distinct()
    {
        Assert.Equal(["Drama", "Film Noir"], ItemText.Clean("Film", ["Drama", " drama ", "", "\t", "DRAMA", "(no genres listed)", "Film\nNoir"]).Genres);
    }
}
