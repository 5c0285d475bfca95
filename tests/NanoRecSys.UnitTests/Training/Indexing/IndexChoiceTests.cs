using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Indexing;

namespace NanoRecSys.UnitTests.Training.Indexing;

public sealed class IndexChoiceTests : FolderTests
{
    private readonly Collected<ProgressEvent> _progress = new();

    private IEnumerable<string> Messages => _progress.Values.Select(report => report.Message).OfType<string>();

    [Fact]
    public void For_few_items_a_flat_index_is_chosen_without_measuring()
    {
        (IVectorIndex index, IndexShape shape) = Choose(new IndexOptions { Kind = IndexOptions.Auto });

        Assert.Equal((IndexKinds.Flat, new IndexShape(IndexKinds.Flat)), (index.Kind, shape));
        Assert.Single(Messages);
    }

    [Fact]
    public void For_many_items_each_kind_is_measured_and_the_chosen_one_reaches_the_recall()
    {
        float[] queries = RandomVectors.Clustered(50, SmallIndexes.Dimension, centres: 60, seed: 21);
        var exact = new FlatIndex(SmallIndexes.Vectors, SmallIndexes.Dimension);
        var recall = new IndexRecall(queries, exact, k: 100);

        (IVectorIndex index, IndexShape shape) = Choose(new IndexOptions { Kind = IndexOptions.Auto, FlatBelow = 1000, Recall = 0.9 });

        Assert.InRange(recall.Measure(index), 0.9, 1);
        Assert.Equal(index.Kind, shape.Kind);
        Assert.Equal(["flat", "IVF", "IVF"], Messages.Select(message => message[..Math.Min(message.IndexOfAny([':', '7']), 4)].TrimEnd(',')));
    }

    [Fact]
    public void If_no_other_kind_reaches_the_recall_the_exact_index_is_chosen()
    {
        (IVectorIndex index, _) = Choose(new IndexOptions { Kind = IndexOptions.Auto, FlatBelow = 1000, Width = 1 });

        Assert.Equal(IndexKinds.Flat, index.Kind); // one list of 76 holds fewer than .95 of the hundred nearest
    }

    private (IVectorIndex Index, IndexShape Shape) Choose(IndexOptions options)
    {
        float[] queries = RandomVectors.Clustered(50, SmallIndexes.Dimension, centres: 60, seed: 21);
        var exact = new FlatIndex(SmallIndexes.Vectors, SmallIndexes.Dimension);
        return new IndexChoice(options, exact, new IndexRecall(queries, exact, k: 100), StepContexts.In(Folder.Path, "choice") with { Progress = _progress }).Make();
    }
}

public sealed class SearchWidthTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(13)]
    [InlineData(40)]
    public void The_smallest_sufficient_width_is_found(int enough)
    {
        SearchWidth width = WidthOf(IndexKinds.IvfScalar);
        width.Tune(() => width.Get() >= enough ? 0.95 : 0.9, target: 0.95);
        Assert.Equal(enough, width.Get());
    }

    [Fact]
    public void A_graph_is_searched_with_the_measured_width()
    {
        SearchWidth width = WidthOf(IndexKinds.Hnsw, k: 100);
        width.Tune(() => 1, target: 0.95);
        Assert.Equal(100, width.Get()); // at least k, also for later searches for fewer
    }

    [Fact]
    public void If_no_width_is_sufficient_the_largest_is_used()
    {
        SearchWidth width = WidthOf(IndexKinds.IvfFlat);
        width.Tune(() => 0.5, target: 0.95);
        Assert.Equal(40, width.Get());
    }

    [Fact]
    public void Sizes_follow_from_the_rows_and_impossible_ones_are_refused()
    {
        Assert.Equal(new IndexShape(IndexKinds.IvfFlat, 4000), DefaultShapes.For(IndexKinds.IvfFlat, 1_000_000, 256));
        Assert.Equal(new IndexShape(IndexKinds.IvfScalar, 10), DefaultShapes.For(IndexKinds.IvfScalar, 400, 64)); // at least 39 rows per list
        Assert.Equal("IVF4000,PQ32", DefaultShapes.For(IndexKinds.IvfProduct, 1_000_000, 256).ToString());
        Assert.Equal("HNSW32,Flat", DefaultShapes.For(IndexKinds.Hnsw, 10, 8).ToString());
        Assert.Throws<UserErrorException>(() => DefaultShapes.For(IndexKinds.IvfProduct, 1_000, 64, parts: 7));
        Assert.Throws<UserErrorException>(() => DefaultShapes.For(IndexKinds.IvfProduct, 255, 64));
        Assert.Throws<UserErrorException>(() => DefaultShapes.For(IndexKinds.Hnsw, 1_000, 64, edges: 2049));
        Assert.Throws<UserErrorException>(() => DefaultShapes.For(IndexKinds.IvfFlat, 100, 64, lists: 101));
    }

    private static SearchWidth WidthOf(string kind, int k = 1) => SearchWidth.Of(SmallIndexes.Build(SmallIndexes.Shape(kind), VectorMetric.L2), k)!;
}
