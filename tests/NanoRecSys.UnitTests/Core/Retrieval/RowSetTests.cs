using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class RowSetTests
{
    [Fact]
    public void A_row_added_twice_counts_once()
    {
        var rows = new RowSet(130);
        rows.AddRange([0, 63, 64, 129, 63]);
        Assert.Equal(4, rows.Count);
        Assert.Equal([0, 63, 64, 129], Enumerable.Range(0, 130).Where(rows.Contains));
    }

    [Fact]
    public void Rows_taken_out_are_gone_and_those_not_there_change_nothing()
    {
        var rows = new RowSet(130);
        rows.AddRange([0, 64, 129]);
        rows.RemoveRange([64, 5, 64]);
        Assert.Equal(2, rows.Count);
        Assert.Equal([0, 129], Enumerable.Range(0, 130).Where(rows.Contains));
        Assert.True(rows.Add(64));
        Assert.False(rows.Add(0));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(65)]
    public void A_row_outside_is_refused(int row) => Assert.Throws<ArgumentOutOfRangeException>(() => new RowSet(65).Add(row));
}
