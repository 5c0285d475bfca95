namespace NanoRecSys.UnitTests.Core.Data;

public sealed class ItemPlaneFileTests
{
    [Fact]
    public async Task What_is_written_is_read_back()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "map.parquet");
        float[] places = [0.25f, -1, 0.5f, 0.125f];

        await ItemPlaneFile.WriteAsync(path, places, TestContext.Current.CancellationToken);

        Assert.Equal(places, await ItemPlaneFile.ReadAsync(path, TestContext.Current.CancellationToken));
    }
}
