using NanoRecSys.Core.Serving;

namespace NanoRecSys.UnitTests.Core.Serving;

public sealed class TitleSearchTests
{
    private static readonly string[] Titles =
        ["The Matrix", "The Matrix Reloaded", "Amélie", "Schindler's List", "A Beautiful Mind", "The Godfather", "Se7en", "The Piano Teacher (La Pianiste)"];

    private static readonly TitleSearch Search = new([.. Titles.Select((title, row) => Film.Of(row, row, title, null, [], 1))]);

    [Theory]
    [InlineData("matrix", "The Matrix", "The Matrix Reloaded")]
    [InlineData("the matrix", "The Matrix", "The Matrix Reloaded")]
    [InlineData("Matrix, The", "The Matrix", "The Matrix Reloaded")]
    [InlineData("mat rel", "The Matrix Reloaded")]
    [InlineData("amelie", "Amélie")]
    [InlineData("schindlers lsit", "Schindler's List")]
    [InlineData("godfahter", "The Godfather")]
    [InlineData("beutifull mind", "A Beautiful Mind")]
    [InlineData("father", "The Godfather")]
    [InlineData("pianiste", "The Piano Teacher (La Pianiste)")]
    [InlineData("se7en", "Se7en")]
    [InlineData("godfather matrix")]
    [InlineData("xyz")]
    [InlineData("sevn")]
    [InlineData("!?")]
    public void A_title_is_found_by(string query, params string[] expected) =>
        Assert.Equal(expected, Search.Find(query).Select(match => Titles[match.Place]));

    [Fact]
    public void Whole_words_rank_above_prefixes_and_these_above_misspellings()
    {
        var search = new TitleSearch([.. new[] { "Liszt", "Lister", "List" }.Select((title, row) => Film.Of(row, row, title, null, [], 1))]);

        Assert.Equal([2, 1, 0], search.Find("list").OrderByDescending(match => match.Score).Select(match => match.Place));
    }

    [Fact]
    public void An_empty_query_finds_all() => Assert.Equal(Titles.Length, Search.Find("  ").Count());

    [Fact]
    public void A_single_article_is_an_ordinary_word() => Assert.Equal(4, Search.Find("the").Count());

    [Theory]
    [InlineData("list", "lsit", true)]
    [InlineData("list", "lists", true)]
    [InlineData("list", "lost", true)]
    [InlineData("list", "loss", false)]
    [InlineData("cat", "cut", false)]
    [InlineData("godfather", "godfahtr", true)]
    [InlineData("godfather", "gdofahtr", false)]
    public void Typing_errors_are_near(string word, string other, bool expected) => Assert.Equal(expected, Typo.IsNear(word, other));
}
