using System.Buffers.Binary;

namespace NanoRecSys.UnitTests.Core.Data;

public sealed class HistoriesFileTests : IDisposable
{
    private const int HeaderBytes = 24;
    private readonly TemporaryFolder _folder = new();
    private readonly string _path;

    public HistoriesFileTests()
    {
        _path = _folder.File("histories.bin");
        HistoriesFile.Write(_folder.Path, new UserHistories([3, 7, 9], [0, 2, 2, 5], [10, 11, 12, 13, 14], [100, 101, 7, 7, 9]));
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_was_written_is_read_back(bool map)
    {
        UserHistories histories = Open(map);
        Assert.Equal(5, histories.InteractionCount);
        Assert.True(histories.TryGet(3, out ReadOnlySpan<int> first, out ReadOnlySpan<long> times));
        Assert.Equal([10, 11], first);
        Assert.Equal([100, 101], times);
        Assert.True(histories.TryGet(7, out ReadOnlySpan<int> none));
        Assert.True(none.IsEmpty);
        Assert.Equal([12, 13, 14], histories.At(2));
        Assert.Equal([7, 7, 9], histories.TimesAt(2));
        Assert.False(histories.TryGet(8, out _));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Histories_without_times_stay_without(bool map)
    {
        HistoriesFile.Write(_folder.Path, new UserHistories([3, 7], [0, 1, 2], [10, 11]));

        UserHistories histories = Open(map);

        Assert.False(histories.HasTimes);
        Assert.Equal([11], histories.At(1));
        Assert.True(histories.TimesAt(1).IsEmpty);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Weights_are_read_back(bool map)
    {
        HistoriesFile.Write(_folder.Path, new UserHistories([3, 7], [0, 1, 3], [10, 11, 12], [5, 6, 6], [0.25f, 1, 4]));

        UserHistories histories = Open(map);

        Assert.True(histories.HasWeights);
        Assert.Equal([0.25f, 1, 4], histories.Weights);
        Assert.Equal([1, 4], histories.WeightsAt(1));
        Assert.Equal([6, 6], histories.TimesAt(1));
        Assert.Equal([11, 12], histories.At(1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Weights_without_times_are_read_back(bool map)
    {
        HistoriesFile.Write(_folder.Path, new UserHistories([3], [0, 2], [10, 11], weights: [2, 0.5f]));

        UserHistories histories = Open(map);

        Assert.False(histories.HasTimes);
        Assert.Equal([2, 0.5f], histories.WeightsAt(0));
        Assert.Equal([10, 11], histories.At(0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Histories_without_weights_stay_without(bool map)
    {
        UserHistories histories = Open(map);

        Assert.False(histories.HasWeights);
        Assert.True(histories.WeightsAt(2).IsEmpty);
    }

    [Fact]
    public void Weights_must_be_as_many_as_the_items() =>
        Assert.Contains("2 items have 1 weights", Assert.Throws<ArgumentException>(() => new UserHistories([3], [0, 2], [10, 11], weights: [2])).Message);

    [Fact]
    public void A_mapped_file_that_is_replaced_keeps_its_content()
    {
        UserHistories histories = HistoriesFile.Map(_folder.Path);

        File.Delete(_path);
        File.Delete(_folder.File("users.ids"));
        HistoriesFile.Write(_folder.Path, new UserHistories([1], [0, 1], [0], [0]));
        GC.Collect();
        GC.WaitForPendingFinalizers();

        Assert.Equal([12, 13, 14], histories.At(2));
        Assert.Equal([0], HistoriesFile.Map(_folder.Path).At(0));
    }

    [Fact]
    public void A_file_cut_anywhere_or_too_long_is_refused()
    {
        byte[] whole = File.ReadAllBytes(_path);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(_path, whole[..length]);
            AssertRefused();
        }

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
    [InlineData(HeaderBytes + 8, 4)] // second offset, which then falls
    [InlineData(HeaderBytes + 8, -4)]
    [InlineData(HeaderBytes + 24, 4)] // last offset, which is not the number of items
    public void Fields_that_contradict_each_other_are_refused(int offset, int value)
    {
        byte[] bytes = File.ReadAllBytes(_path);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(offset), value);
        File.WriteAllBytes(_path, bytes);
        AssertRefused();
    }

    private UserHistories Open(bool map) => map ? HistoriesFile.Map(_folder.Path) : HistoriesFile.Read(_folder.Path);

    private void AssertRefused()
    {
        Assert.Throws<InvalidDataException>(() => Open(map: false));
        Assert.Throws<InvalidDataException>(() => Open(map: true));
    }
}
