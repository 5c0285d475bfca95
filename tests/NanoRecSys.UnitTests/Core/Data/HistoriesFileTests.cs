using System.Buffers.Binary;
using NanoRecSys.Core.Data;
using NanoRecSys.UnitTests.Fixtures;

namespace NanoRecSys.UnitTests.Core.Data;

public sealed class HistoriesFileTests : IDisposable
{
    private const int HeaderBytes = 20;
    private readonly TemporaryFolder _folder = new();
    private readonly string _path;

    public HistoriesFileTests()
    {
        _path = _folder.File("histories.bin");
        HistoriesFile.Write(_path, new UserHistories([3, 7, 9], [0, 2, 2, 5], [10, 11, 12, 13, 14]));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_written_is_read_back()
    {
        UserHistories histories = HistoriesFile.Read(_path);
        Assert.Equal(5, histories.InteractionCount);
        Assert.True(histories.TryGet(3, out ReadOnlySpan<int> first));
        Assert.Equal([10, 11], first);
        Assert.True(histories.TryGet(7, out ReadOnlySpan<int> none));
        Assert.True(none.IsEmpty);
        Assert.Equal([12, 13, 14], histories.At(2));
        Assert.False(histories.TryGet(8, out _));
    }

    [Fact]
    public void A_file_cut_anywhere_or_too_long_is_refused()
    {
        byte[] whole = File.ReadAllBytes(_path);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(_path, whole[..length]);
            Assert.Throws<InvalidDataException>(() => HistoriesFile.Read(_path));
        }

        File.WriteAllBytes(_path, [.. whole, 0]);
        Assert.Throws<InvalidDataException>(() => HistoriesFile.Read(_path));
    }

    [Theory]
    [InlineData(4, 2)] // version
    [InlineData(8, -1)] // users
    [InlineData(8, int.MaxValue)]
    [InlineData(12, -1)] // interactions, lower half
    [InlineData(16, int.MaxValue)] // interactions, upper half
    [InlineData(HeaderBytes, 8)] // first user id, which then no longer ascends
    [InlineData(HeaderBytes + 12 + 8, 4)] // second offset, which then falls
    [InlineData(HeaderBytes + 12 + 8, -4)]
    [InlineData(HeaderBytes + 12 + 24, 4)] // last offset, which is not the number of items
    public void Fields_that_contradict_each_other_are_refused(int offset, int value)
    {
        byte[] bytes = File.ReadAllBytes(_path);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(offset), value);
        File.WriteAllBytes(_path, bytes);
        Assert.Throws<InvalidDataException>(() => HistoriesFile.Read(_path));
    }
}
