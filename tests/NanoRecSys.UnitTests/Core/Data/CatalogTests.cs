namespace NanoRecSys.UnitTests.Core.Data;

public sealed class CatalogTests : FolderTests
{
    private static readonly CatalogItem Matrix = Film.Of(0, 2571, "The Matrix", 1999, ["Action", "Sci-Fi"], 12);
    private static readonly CatalogItem Unknown = Film.Of(1, 42, "42", null, [], 0);
    [Fact]
    public async Task What_was_written_is_read_back()
    {
        string path = Folder.File("catalog.parquet");
        await CatalogFile.WriteAsync(path, new Catalog([Matrix, Unknown]), TestContext.Current.CancellationToken);
        Catalog read = await CatalogFile.ReadAsync(path, TestContext.Current.CancellationToken);
        Assert.Equivalent(new[] { Matrix, Unknown }, read.Items, strict: true);
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

    [Fact]
    public async Task CatalogFile_keeps_the_weight_of_interactions_beside_their_count()
    {
        string path = Folder.File("catalog.parquet");

        await CatalogFile.WriteAsync(path, new Catalog([new(0, 1, "A", [], 4) { Weight = 1.5 }, new(1, 2, "B", [], 3)]), TestContext.Current.CancellationToken);

        Catalog read = await CatalogFile.ReadAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal([(4, 1.5), (3, 3.0)], read.Items.Select(item => (item.Count, item.Popularity)));
    }
}
