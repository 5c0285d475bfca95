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
