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

    [Theory]
    [InlineData(-1)]
    [InlineData(65)]
    public void A_row_outside_is_refused(int row) => Assert.Throws<ArgumentOutOfRangeException>(() => new RowSet(65).Add(row));
}
