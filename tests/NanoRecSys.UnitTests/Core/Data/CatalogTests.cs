namespace NanoRecSys.UnitTests.Core.Data;

public sealed class CatalogTests : FolderTests
{
    private static readonly CatalogItem Matrix = Film.Of(0, 2571, "The Matrix", 1999, ["Action", "Sci-Fi"], 12);
    private static readonly CatalogItem Unknown = Film.Of(1, 42, "42", null, [], 0);

    [Fact]
    public async Task What_was_written_is_read_back()
    {
        string path = Folder.File("catalog.parquet");
        CatalogItem weighted = Matrix with { Weight = 1.5 };
        await CatalogFile.WriteAsync(path, new Catalog([weighted, Unknown with { Count = 3 }]), TestContext.Current.CancellationToken);
        Catalog read = await CatalogFile.ReadAsync(path, TestContext.Current.CancellationToken);
        Assert.Equivalent(new[] { weighted, Unknown with { Count = 3 } }, read.Items, strict: true);
        Assert.Equal([1.5, 3], read.Items.Select(item => item.Popularity)); // without a weight it is the count
    }

    [Fact]
    public void Items_are_found_by_id()
    {
        var catalog = new Catalog([Matrix, Unknown]);
        Assert.True(catalog.TryFind(42, out int row));
        Assert.Equal(Unknown, catalog.Items[row]);
        Assert.False(catalog.TryFind(1, out _));
    }

    [Fact]
    public void Rows_out_of_order_and_repeated_movies_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new Catalog([Unknown]));
        Assert.Throws<ArgumentException>(() => new Catalog([Matrix, Unknown with { Id = 2571 }]));
    }
}

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
