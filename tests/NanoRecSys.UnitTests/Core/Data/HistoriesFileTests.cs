using System.Buffers.Binary;
using CsCheck;

namespace NanoRecSys.UnitTests.Core.Data;

public sealed class HistoriesFileTests : FolderTests
{
    private const int HeaderBytes = 24;
    private readonly string _path;

    public HistoriesFileTests()
    {
        _path = Folder.File("histories.bin");
        HistoriesFile.Write(Folder.Path, new UserHistories([3, 7, 9], [0, 2, 2, 5], [10, 11, 12, 13, 14], [100, 101, 7, 7, 9]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_was_written_is_read_back(bool map)
    {
        UserHistories histories = Open(map);
        Assert.Equal(5, histories.InteractionCount);
        Assert.Equal((0, 1, 2), (histories.PositionOf(3), histories.PositionOf(7), histories.PositionOf(9)));
        Assert.Equal([10, 11], histories.At(0));
        Assert.Equal([100, 101], histories.TimesAt(0));
        Assert.True(histories.At(1).IsEmpty);
        Assert.Equal([12, 13, 14], histories.At(2));
        Assert.Equal([7, 7, 9], histories.TimesAt(2));
        Assert.Equal(-1, histories.PositionOf(8));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Histories_have_the_times_and_weights_that_were_written(bool hasTimes, bool hasWeights)
    {
        HistoriesFile.Write(Folder.Path, new UserHistories([3, 7], [0, 1, 3], [10, 11, 12], hasTimes ? [5, 6, 6] : null, hasWeights ? [0.25f, 1, 4] : null));

        Assert.All([Open(map: true), Open(map: false)], histories =>
        {
            Assert.Equal((hasTimes, hasWeights), (histories.HasTimes, histories.HasWeights));
            Assert.Equal([11, 12], histories.At(1));
            Assert.Equal(hasTimes ? [6, 6] : Array.Empty<long>(), histories.TimesAt(1));
            Assert.Equal(hasWeights ? [1, 4] : Array.Empty<float>(), histories.WeightsAt(1));
        });
    }

    [Fact]
    public void Weights_must_match_the_items_in_number() =>
        Assert.Contains("2 items have 1 weights", Assert.Throws<ArgumentException>(() => new UserHistories([3], [0, 2], [10, 11], weights: [2])).Message);

    [Fact]
    public void A_mapped_file_that_is_replaced_keeps_its_content()
    {
        UserHistories histories = HistoriesFile.Map(Folder.Path);

        File.Delete(_path);
        File.Delete(Folder.File("users.ids"));
        HistoriesFile.Write(Folder.Path, new UserHistories([1], [0, 1], [0], [0]));
        GC.Collect();
        GC.WaitForPendingFinalizers();

        Assert.Equal([12, 13, 14], histories.At(2));
        Assert.Equal([0], HistoriesFile.Map(Folder.Path).At(0));
    }

    [Fact]
    public void A_file_cut_anywhere_or_too_long_is_refused()
    {
        byte[] whole = File.ReadAllBytes(_path);
        Assert.RefusedWhereverCut(_path, () => Open(map: false), () => Open(map: true));
        File.WriteAllBytes(_path, [.. whole, 0]);
        AssertRefused();
    }

    [Theory]
    [InlineData(4, 1)] // version
    [InlineData(8, -1)] // users
    [InlineData(8, int.MaxValue)]
    [InlineData(12, 0)] // flags: no times, though the file has them
    [InlineData(12, 3)] // flags: weights, which the file lacks
    [InlineData(12, 5)] // flags that do not exist
    [InlineData(16, -1)] // interactions, lower half
    [InlineData(20, int.MaxValue)] // interactions, upper half
    [InlineData(HeaderBytes + 8, 4)] // second offset: offsets decrease
    [InlineData(HeaderBytes + 8, -4)]
    [InlineData(HeaderBytes + 24, 4)] // last offset: not the number of items
    public void Fields_that_contradict_each_other_are_refused(int offset, int value)
    {
        byte[] bytes = File.ReadAllBytes(_path);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(offset), value);
        File.WriteAllBytes(_path, bytes);
        AssertRefused();
    }

    private UserHistories Open(bool map) => map ? HistoriesFile.Map(Folder.Path) : HistoriesFile.Read(Folder.Path);

    private void AssertRefused()
    {
        Assert.Throws<InvalidDataException>(() => Open(map: false));
        Assert.Throws<InvalidDataException>(() => Open(map: true));
    }
}

public sealed class IdTableTests : FolderTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Ids_and_rows_find_each_other_after_reading_back(bool map)
    {
        Table("B00-x", "ä/1", "7", "100%", "日本").Write(Folder.File("ids"));

        IdTable ids = IdTable.Open(Folder.File("ids"), map);

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
        Assert.RefusedWhereverCut(path, () => IdTable.Open(path, map: false), () => IdTable.Open(path, map: true));
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

        Assert.Throws<InvalidDataException>(() => IdTable.Open(path, map: false));
        Assert.Throws<InvalidDataException>(() => IdTable.Open(path, map: true));
    }

    private static IdTable Table(params string[] ids) => IdTable.Of([.. ids.Select(id => EntityId.Of(id))]);
}

public sealed class SequenceBuilderTests
{
    [Theory]
    [InlineData(new[] { 0, 7, 3 }, new long[] { 0, 0, 1, 8, 4 })]
    [InlineData(new[] { 0, 7, 3, 9, 2 }, new long[] { 1, 8, 4, 10, 3 })]
    [InlineData(new[] { 5, 6, 0, 7, 3, 9, 2 }, new long[] { 1, 8, 4, 10, 3 })]
    [InlineData(new int[0], new long[] { 0, 0, 0, 0, 0 })]
    public void The_last_items_are_on_the_right_as_index_plus_one(int[] history, long[] expected)
    {
        long[] tokens = [-1, -1, -1, -1, -1];
        SequenceBuilder.Fill(history, tokens);
        Assert.Equal(expected, tokens);
    }
}
