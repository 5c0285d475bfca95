namespace NanoRecSys.UnitTests.Core.Data;

public sealed class HalfRowsTests : FolderTests
{
    [Fact]
    public void Rows_come_back_rounded_to_eleven_bits()
    {
        string path = Folder.File("users.npy");
        HalfRows.Write(path, [[1, -0.5f, 0.1f], [65504, 0, 6e-8f]], count: 2, columns: 3);

        using HalfRows rows = HalfRows.Map(path);

        Assert.Equal((2, 3), (rows.Count, rows.Columns));
        Assert.Equal([1, -0.5f, 0.0999755859375f], rows.Row(0));
        Assert.Equal([65504, 0, 5.9604645e-8f], rows.Row(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => rows.Row(2));
        Assert.Throws<ArgumentOutOfRangeException>(() => rows.Row(-1));
    }

    [Fact]
    public void Single_precision_and_truncated_files_are_refused()
    {
        string path = Folder.File("users.npy");
        NpyFile.Write(path, [1, 2], columns: 2);
        Assert.Throws<InvalidDataException>(() => HalfRows.Map(path));
        HalfRows.Write(path, [[1, 2]], count: 1, columns: 2);
        using (FileStream file = File.OpenWrite(path))
        {
            file.SetLength(file.Length - 1);
        }

        Assert.Throws<InvalidDataException>(() => HalfRows.Map(path));
    }
}
