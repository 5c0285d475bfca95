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
