using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class ExtendedIndexTests
{
    [Theory]
    [InlineData(VectorMetric.InnerProduct, new[] { 4, 1, 3 })] // scores 0, 8, -1, 2, 9
    [InlineData(VectorMetric.L2, new[] { 0, 3, 2 })] // squared distances from 1: 1, 49, 4, 1, 64
    public void Added_rows_compete_with_those_that_were_there(VectorMetric metric, int[] expected)
    {
        var first = new FlatIndex([0, 8, -1], dimension: 1, metric);
        ExtendedIndex index = ExtendedIndex.Add(ExtendedIndex.Add(first, new float[] { 2 }), new float[] { 9 });
        Assert.Equal((5, 3), (index.Count, first.Count));
        var found = new Candidate[3];
        Assert.Equal(3, index.Search([1], RowFilter.None, found));
        Assert.Equal(expected, found.Select(candidate => candidate.Row));
    }

    [Fact]
    public void The_filter_reaches_added_rows()
    {
        ExtendedIndex index = ExtendedIndex.Add(new FlatIndex(new float[70], dimension: 1), new float[] { 5, 6, 7 });
        var found = new Candidate[4];
        Assert.Equal(2, index.Search([1], new RowFilter(RowSets.Of(73, 72, 0), RowSets.Of(73, 72, 71, 69, 0)), found));
        Assert.Equal([new(71, 6), new(69, 0)], found[..2]);
        Assert.Throws<ArgumentException>(() => index.Search([1], new RowFilter(new RowSet(70)), found));
    }

    [Fact]
    public void A_long_list_of_results_needs_no_stack()
    {
        ExtendedIndex index = ExtendedIndex.Add(new FlatIndex([.. Enumerable.Range(0, 1000).Select(i => (float)i)], dimension: 1), new float[] { 500.5f });
        var found = new Candidate[1001];
        Assert.Equal(1001, index.Search([1], RowFilter.None, found));
        Assert.Equal(1000, found[499].Row);
    }
}
