using System.Text;
using NanoRecSys.Training.Import;

namespace NanoRecSys.UnitTests.Training.Import;

public sealed class ItemMapFileTests : FolderTests
{
    [Theory]
    [InlineData("31\n1029\n7", new[] { "31", "1029", "7" })]
    [InlineData("\uFEFF31\r\n 1029 \r\n7\r\n\r\n", new[] { "31", "1029", "7" })]
    [InlineData("B00-x\nÄ 1\n4000000000", new[] { "B00-x", "Ä 1", "4000000000" })]
    public void Text_has_one_id_a_line(string text, string[] expected) => Assert.Equal(expected, Read(Encoding.UTF8.GetBytes(text)).Select(id => id.Text));

    [Theory]
    [InlineData(1, "<i8", "1F00000000000000 0504000000000000")]
    [InlineData(2, "<i4", "1F000000 05040000")]
    [InlineData(3, ">i4", "0000001F 00000405")]
    [InlineData(1, "<u2", "1F00 0504")]
    [InlineData(1, ">i8", "000000000000001F 0000000000000405")]
    public void NumPy_arrays_of_integers_are_read_in_every_version_and_order(int version, string type, string hex) =>
        Assert.Equal([31, 1029], Read(NumPy(version, $"{{'descr': '{type}', 'fortran_order': False, 'shape': (2,), }}", hex)));

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "expected a one-dimensional array of integers")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "expected a one-dimensional array of integers")]
    [InlineData("{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2), }", "expected a one-dimensional array of integers")]
    [InlineData("{'descr': '<i4', 'fortran_order': False, 'shape': (999999999,), }", "need 3999999996 bytes, it has 8")]
    [InlineData("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", "its 1 numbers need 4 bytes, it has 8")]
    public void Other_arrays_are_refused(string header, string reason) => AssertRefused(NumPy(1, header, "1F000000 05040000"), reason);

    [Theory]
    [InlineData("", "line 1 is '', expected an item id")]
    [InlineData("1\n\n3", "line 2 is ''")]
    [InlineData("1\n2\n1", "item 1 is in rows 0 and 2")]
    [InlineData("1\na\tb", "line 2 is")]
    public void Bad_text_is_refused_with_its_line(string text, string reason) => AssertRefused(Encoding.UTF8.GetBytes(text), reason);

    [Theory]
    [InlineData("934E554D5059")]
    [InlineData("934E554D50590100FFFF7B7D0000")]
    [InlineData("934E554D50590200FFFFFFFF7B7D")]
    [InlineData("934E554D5059090010007B7D0000")]
    [InlineData("FFFE")]
    public void Damaged_files_are_refused(string hex) => AssertRefused(Convert.FromHexString(hex), "is not an item map: ");

    [Fact]
    public void What_was_written_is_read_back()
    {
        ItemMapFile.Write(Folder.File("items.txt"), [5, -1, 7]);
        Assert.Equal([5, -1, 7], ItemMapFile.Read(Folder.File("items.txt")));
    }

    private static byte[] NumPy(int version, string header, string hex)
    {
        byte[] text = Encoding.ASCII.GetBytes(header.PadRight(117) + "\n");
        byte[] length = version == 1 ? BitConverter.GetBytes((ushort)text.Length) : BitConverter.GetBytes(text.Length);
        return [0x93, .. "NUMPY"u8, (byte)version, 0, .. length, .. text, .. Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal))];
    }

    private EntityId[] Read(byte[] content)
    {
        string path = Folder.File("map");
        File.WriteAllBytes(path, content);
        return ItemMapFile.Read(path);
    }

    private void AssertRefused(byte[] content, string reason)
    {
        Assert.Refused<InvalidDataException>(() => Read(content), reason);
    }
}
