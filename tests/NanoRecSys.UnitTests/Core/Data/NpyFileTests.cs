using System.Runtime.InteropServices;
using System.Text;

namespace NanoRecSys.UnitTests.Core.Data;

public sealed class NpyFileTests : FolderTests
{
    [Fact]
    public void What_was_written_is_read_back_and_its_data_is_aligned()
    {
        string path = Folder.File("items.npy");
        NpyFile.Write(path, [1, 2, 3, 4, 5, 6], columns: 2);
        (float[] values, int columns) = NpyFile.Read(path);
        Assert.Equal([1, 2, 3, 4, 5, 6], values);
        Assert.Equal(2, columns);
        Assert.Equal(0, (new FileInfo(path).Length - 6 * sizeof(float)) % 64);
    }

    [Fact]
    public void A_mapped_file_equals_a_read_one()
    {
        string path = Folder.File("items.npy");
        NpyFile.Write(path, rows: 3, columns: 2, stream => stream.Write(MemoryMarshal.AsBytes<float>([1, 2, 3, 4, 5, 6])));
        (ReadOnlyMemory<float> values, int columns, _) = NpyFile.Map(path);
        Assert.Equal([1, 2, 3, 4, 5, 6], values.ToArray());
        Assert.Equal(2, columns);
        NpyFile.Write(path, [], columns: 4);
        Assert.Equal((0, 4), (NpyFile.Map(path).Values.Length, NpyFile.Map(path).Columns));
    }

    [Fact]
    public void Values_that_do_not_fill_whole_rows_are_not_written() =>
        Assert.Throws<ArgumentException>(() => NpyFile.Write(Folder.File("items.npy"), [1, 2, 3], columns: 2));

    [Theory]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", 16)]
    [InlineData("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", 8)]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8)]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", 4)]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 0), }", 0)]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 999999999), }", 8)]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 0)]
    public void Anything_but_a_whole_float32_matrix_is_refused(string header, int dataBytes)
    {
        string path = Folder.File("bad.npy");
        byte[] text = Encoding.ASCII.GetBytes(header + "\n");
        File.WriteAllBytes(path, [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, 0, .. text, .. new byte[dataBytes]]);
        Assert.Throws<InvalidDataException>(() => NpyFile.Read(path));
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        string path = Folder.File("items.npy");
        NpyFile.Write(path, [1, 2], columns: 2);
        Assert.RefusedWhereverCut(path, () => NpyFile.Read(path));
    }

    [Fact]
    public void NumPy_reads_what_we_write()
    {
        string path = Folder.File("items.npy");
        NpyFile.Write(path, [1, 2, 3, 4, 5, 6.5f], columns: 2);
        string printed = PythonFaiss.Run("import sys, numpy; a = numpy.load(sys.argv[1]); print(a.dtype, a.shape, a.sum())", path);
        Assert.Equal("float32 (3, 2) 21.5", printed.TrimEnd());
    }
}

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
