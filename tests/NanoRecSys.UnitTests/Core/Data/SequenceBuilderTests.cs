namespace NanoRecSys.UnitTests.Core.Data;

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

    [Fact]
    public void Of_a_long_history_only_the_last_items_count()
    {
        Assert.Equal(3, SequenceBuilder.Length(3, 50));
        Assert.Equal(50, SequenceBuilder.Length(51, 50));
    }
}
