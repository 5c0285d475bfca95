using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Indexing;

namespace NanoRecSys.UnitTests.Training.Indexing;

public sealed class SearchWidthTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(13)]
    [InlineData(40)]
    public void The_smallest_sufficient_width_is_found(int enough)
    {
        IVectorIndex index = SmallIndexes.Build(SmallIndexes.Shape(IndexKinds.IvfScalar), VectorMetric.L2);
        SearchWidth.Tune(index, () => SearchWidth.Of(index) >= enough ? 0.95 : 0.9, target: 0.95);
        Assert.Equal(enough, SearchWidth.Of(index));
    }

    [Fact]
    public void A_graph_is_searched_with_the_measured_width()
    {
        IVectorIndex index = SmallIndexes.Build(SmallIndexes.Shape(IndexKinds.Hnsw), VectorMetric.L2);
        SearchWidth.Tune(index, () => 1, target: 0.95, k: 100);
        Assert.Equal(100, SearchWidth.Of(index)); // at least k, also for later searches for fewer
    }

    [Fact]
    public void If_no_width_is_sufficient_the_largest_is_used()
    {
        IVectorIndex index = SmallIndexes.Build(SmallIndexes.Shape(IndexKinds.IvfFlat), VectorMetric.L2);
        SearchWidth.Tune(index, () => 0.5, target: 0.95);
        Assert.Equal(40, SearchWidth.Of(index));
    }

    [Fact]
    public void Sizes_follow_from_the_rows_and_impossible_ones_are_refused()
    {
        Assert.Equal(new IndexShape(IndexKinds.IvfFlat, 4000), DefaultShapes.For(IndexKinds.IvfFlat, 1_000_000, 256));
        Assert.Equal(new IndexShape(IndexKinds.IvfScalar, 10), DefaultShapes.For(IndexKinds.IvfScalar, 400, 64)); // at least 39 rows per list
        Assert.Equal("IVF4000,PQ32", DefaultShapes.For(IndexKinds.IvfProduct, 1_000_000, 256).Factory);
        Assert.Equal("HNSW32,Flat", DefaultShapes.For(IndexKinds.Hnsw, 10, 8).Factory);
        Assert.Throws<UserErrorException>(() => DefaultShapes.For(IndexKinds.IvfProduct, 1_000, 64, parts: 7));
        Assert.Throws<UserErrorException>(() => DefaultShapes.For(IndexKinds.IvfProduct, 255, 64));
        Assert.Throws<UserErrorException>(() => DefaultShapes.For(IndexKinds.Hnsw, 1_000, 64, edges: 2049));
        Assert.Throws<UserErrorException>(() => DefaultShapes.For(IndexKinds.IvfFlat, 100, 64, lists: 101));
    }
}
