namespace NanoRecSys.UnitTests.Core.Data;

public sealed class MovieTitleTests
{
    [Theory]
    [InlineData("Toy Story (1995)", "Toy Story", 1995)]
    [InlineData("Matrix, The (1999)", "The Matrix", 1999)]
    [InlineData("American President, The (1995)", "The American President", 1995)]
    [InlineData("Misérables, Les (1995)", "Les Misérables", 1995)]
    [InlineData("Avventura, L' (1960)", "L'Avventura", 1960)]
    [InlineData("City of Lost Children, The (Cité des enfants perdus, La) (1995)", "The City of Lost Children (La Cité des enfants perdus)", 1995)]
    [InlineData("Shanghai Triad (Yao a yao yao dao waipo qiao) (1995)", "Shanghai Triad (Yao a yao yao dao waipo qiao)", 1995)]
    [InlineData("Postman, The (Postino, Il) (1994)", "The Postman (Il Postino)", 1994)]
    [InlineData("Fugitive, The (a.k.a. Runaway, A) (1993)", "The Fugitive (a.k.a. A Runaway)", 1993)]
    [InlineData("Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il) (1966)", "The Good, the Bad and the Ugly (Il Buono, il brutto, il cattivo)", 1966)]
    [InlineData("Me, Myself & Irene (2000)", "Me, Myself & Irene", 2000)]
    [InlineData("2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968)]
    [InlineData("Fawlty Towers (1975-1979)", "Fawlty Towers", 1975)]
    [InlineData("Mad Men (2007–)", "Mad Men", 2007)]
    [InlineData("Babylon 5", "Babylon 5", null)]
    [InlineData("  Prisoner, The ", "The Prisoner", null)]
    [InlineData("Nocturne (In Four Parts)", "Nocturne (In Four Parts)", null)]
    [InlineData("Story (1995) ", "Story", 1995)]
    [InlineData("(1999)", "(1999)", null)]
    [InlineData("Odd (١٩٩٥)", "Odd (١٩٩٥)", null)]
    [InlineData("", "", null)]
    public void A_title_is_split_and_put_in_reading_order(string raw, string title, int? year) =>
        Assert.Equal(new MovieTitle(title, year), MovieTitle.Parse(raw));
}
