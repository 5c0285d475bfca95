using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class RowFilterTests
{
    private const int Rows = 130;

    [Fact]
    public void Without_sets_every_row_is_admitted()
    {
        Assert.True(RowFilter.None.IsNone);
        Assert.Equal(Rows, RowFilter.None.CountAdmitted(Rows));
        Assert.Equal(ulong.MaxValue, RowFilter.None.AdmittedBits(1));
    }

    [Fact]
    public void Admitted_is_what_is_allowed_and_not_excluded()
    {
        var filter = new RowFilter(Set(3, 64, 129), Set(2, 3, 64, 65, 128));
        Assert.Equal([2, 65, 128], Enumerable.Range(0, Rows).Where(filter.Admits));
        Assert.Equal([2, 65, 128], Enumerable.Range(0, Rows).Where(row => (filter.AdmittedBits(row / 64) >> (row % 64) & 1) != 0));
        Assert.Equal(3, filter.CountAdmitted(Rows));
        Assert.Equal(Rows - 3, new RowFilter(Set(3, 64, 129)).CountAdmitted(Rows));
    }

    [Fact]
    public void Sets_over_another_number_of_rows_are_refused()
    {
        new RowFilter(Set(1), Set(2)).Require(Rows);
        Assert.Throws<ArgumentException>(() => new RowFilter(Set(1)).Require(Rows + 1));
        Assert.Throws<ArgumentException>(() => new RowFilter(null, Set(1)).Require(Rows - 1));
    }

    private static RowSet Set(params int[] rows) => RowSets.Of(Rows, rows);
}
