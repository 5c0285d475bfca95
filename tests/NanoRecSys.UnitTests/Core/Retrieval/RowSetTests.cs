using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class RowSetTests
{
    [Fact]
    public void A_row_added_twice_counts_once()
    {
        RowSet rows = RowSets.Of(130, 0, 63, 64, 129, 63);
        Assert.Equal(4, rows.Count);
        Assert.Equal([0, 63, 64, 129], Enumerable.Range(0, 130).Where(rows.Contains));
    }

    [Fact]
    public void Removed_rows_are_missing_and_removing_others_changes_nothing()
    {
        RowSet rows = RowSets.Of(130, 0, 64, 129);
        rows.RemoveRange([64, 5, 64]);
        Assert.Equal(2, rows.Count);
        Assert.Equal([0, 129], Enumerable.Range(0, 130).Where(rows.Contains));
        Assert.True(rows.Add(64));
        Assert.False(rows.Add(0));
    }

    [Theory]
    [InlineData(0, 130)]
    [InlineData(1, 64)]
    [InlineData(63, 66)]
    [InlineData(64, 66)]
    [InlineData(70, 0)]
    [InlineData(130, 0)]
    public void A_slice_holds_the_rows_of_its_range(int first, int count)
    {
        RowSet rows = RowSets.Of(130, 0, 1, 63, 64, 65, 100, 128, 129);
        RowSet slice = rows.Slice(first, count);
        Assert.Equal(Enumerable.Range(first, count).Where(rows.Contains).Select(row => row - first), Enumerable.Range(0, count).Where(slice.Contains));
        Assert.Equal(Enumerable.Range(first, count).Count(rows.Contains), slice.Count);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(65)]
    public void A_row_outside_is_refused(int row) => Assert.Throws<ArgumentOutOfRangeException>(() => new RowSet(65).Add(row));
}
