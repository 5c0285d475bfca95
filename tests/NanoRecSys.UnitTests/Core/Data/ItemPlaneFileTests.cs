namespace NanoRecSys.UnitTests.Core.Data;

public sealed class ItemPlaneFileTests : FolderTests
{
    [Fact]
    public async Task What_is_written_is_read_back()
    {
        string path = Folder.File("map.parquet");
        float[] places = [0.25f, -1, 0.5f, 0.125f];

        await ItemPlaneFile.WriteAsync(path, places, TestContext.Current.CancellationToken);

        Assert.Equal(places, await ItemPlaneFile.ReadAsync(path, TestContext.Current.CancellationToken));
    }
}
