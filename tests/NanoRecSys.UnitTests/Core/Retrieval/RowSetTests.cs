using CsCheck;
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

public sealed class TopKTests
{
    [Fact]
    public void The_threshold_opens_until_the_buffer_is_full()
    {
        var best = new TopK(new Candidate[2]);
        best.Offer(0, 5);
        Assert.Equal(float.NegativeInfinity, best.Threshold);
        best.Offer(1, 7);
        Assert.Equal(5, best.Threshold);
        best.Offer(2, 6);
        Assert.Equal(6, best.Threshold);
    }

    [Fact]
    public void Infinite_scores_are_ranked_and_NaN_is_not()
    {
        var buffer = new Candidate[3];
        var best = new TopK(buffer);
        best.Offer(0, float.NaN);
        best.Offer(1, float.NegativeInfinity);
        best.Offer(2, float.PositiveInfinity);
        Assert.Equal(2, best.SortBestFirst());
        Assert.Equal([2, 1], buffer[..2].Select(candidate => candidate.Row));
    }

    [Fact]
    public void It_keeps_the_head_of_the_sorted_list()
    {
        Gen.Select(Gen.Int[0, 9].Array[0, 60], Gen.Int[0, 20]).Sample((scores, k) =>
        {
            var buffer = new Candidate[k];
            var best = new TopK(buffer);
            for (int row = scores.Length - 1; row >= 0; row--)
            {
                best.Offer(row, scores[row]);
            }

            int count = best.SortBestFirst();
            IEnumerable<Candidate> expected = scores.Select((score, row) => new Candidate(row, score))
                .OrderByDescending(candidate => candidate.Score).ThenBy(candidate => candidate.Row).Take(k);
            Assert.Equal(expected, buffer[..count]);
        });
    }
}
