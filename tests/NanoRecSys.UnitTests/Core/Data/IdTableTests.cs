using System.Buffers.Binary;
using CsCheck;

namespace NanoRecSys.UnitTests.Core.Data;

public sealed class IdTableTests : FolderTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Ids_and_rows_find_each_other_after_reading_back(bool map)
    {
        Table("B00-x", "ä/1", "7", "100%", "日本").Write(Folder.File("ids"));

        IdTable ids = map ? IdTable.Map(Folder.File("ids")) : IdTable.Read(Folder.File("ids"));

        Assert.Equal((5, false), (ids.Count, ids.AreNumbers));
        Assert.True(ids.TryFind(EntityId.Of("ä/1"), out int row));
        Assert.Equal((1, "ä/1"), (row, ids[row].Text));
        Assert.True(ids.TryFind(7, out row)); // the number is the same id as the text
        Assert.Equal((2, false), (row, ids[row].IsNumber));
        Assert.False(ids.TryFind(EntityId.Of("b00-x"), out _));
        Assert.False(ids.TryFind(default(EntityId), out _));
    }

    [Theory]
    [InlineData("1,-2,9223372036854775807,0", true)]
    [InlineData("1,007", false)] // as numbers, 007 and 7 would be one
    [InlineData("1,+2", false)]
    [InlineData("1,-0", false)]
    [InlineData("1,9223372036854775808", false)]
    [InlineData("1,2.0", false)]
    public void Ids_are_numbers_if_all_are_integers_in_their_JSON_form(string ids, bool expected) =>
        Assert.Equal(expected, Table(ids.Split(',')).AreNumbers);

    [Fact]
    public void Repeated_ids_are_refused() => Assert.Throws<ArgumentException>(() => Table("a", "b", "a"));

    [Fact]
    public void Any_ids_are_found_again() => Gen.String[Gen.Char['\u0020', '\uD7FF'], 1, 20].Where(text => EntityId.IsValid(text)).Array[0, 50].Sample(texts =>
    {
        string[] distinct = [.. texts.Distinct(StringComparer.Ordinal)];
        IdTable ids = Table(distinct);
        Assert.All(distinct, (text, row) => Assert.True(ids.TryFind(EntityId.Of(text), out int found) && found == row));
    }, iter: 200);

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        string path = Folder.File("ids");
        Table("one", "two").Write(path);
        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Throws<InvalidDataException>(() => IdTable.Read(path));
            Assert.Throws<InvalidDataException>(() => IdTable.Map(path));
        }
    }

    [Theory]
    [InlineData(4, 2)] // version
    [InlineData(8, -1)] // ids
    [InlineData(8, 1)]
    [InlineData(16, 3)] // slots: not a power of two
    [InlineData(20, -1)] // bytes of text
    [InlineData(24, 1)] // first offset
    [InlineData(32, 7)] // second offset, beyond the end
    [InlineData(48, 9)] // a slot with a row that does not exist
    public void Fields_that_contradict_each_other_are_refused(int offset, int value)
    {
        string path = Folder.File("ids");
        Table("one", "two").Write(path);
        byte[] bytes = File.ReadAllBytes(path);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(offset), value);
        File.WriteAllBytes(path, bytes);

        Assert.Throws<InvalidDataException>(() => IdTable.Read(path));
        Assert.Throws<InvalidDataException>(() => IdTable.Map(path));
    }

    private static IdTable Table(params string[] ids) => IdTable.Of([.. ids.Select(id => EntityId.Of(id))]);
}
