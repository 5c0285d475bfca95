using NanoRecSys.Training.Models;
using NanoRecSys.Training.Retrieval;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Retrieval;

public sealed class SequenceBatchTests
{
    private static readonly int[][] Items = [[10, 11, 12, 13], [20, 21]];

    public SequenceBatchTests() => LibTorch.Load();

    [Fact]
    public void Sequences_stand_end_to_end_and_every_position_knows_what_followed()
    {
        using SequenceBatch batch = SequenceBatch.Create([new(0, 0, 4), new(1, 0, 2)], user => Items[user], CPU);

        Assert.Equal([0, 3, 4], batch.Pack.Offsets);
        Assert.Equal([10, 11, 12, /**/ 20], batch.Pack.Rows.data<int>().ToArray());
        Assert.Equal([0, 1, 2, /**/ 0], batch.Pack.FromStart.data<long>().ToArray());
        Assert.Equal([2, 1, 0, /**/ 0], batch.Pack.FromEnd.data<long>().ToArray());
        Assert.Equal([11, 12, 13, /**/ 21], batch.Targets.data<long>().ToArray());
    }

    [Fact]
    public void Hidden_items_are_still_to_be_predicted()
    {
        using SequenceBatch batch = SequenceBatch.Create([new(0, 0, 4)], user => Items[user], CPU, idDropout: 0.5, new Random(1));

        float[] isItem = [.. batch.Pack.IsItem!.data<float>()];
        Assert.Contains(0, isItem);
        Assert.Equal([11, 12, 13], batch.Targets.data<long>().ToArray());
    }

    [Fact]
    public void A_window_starts_where_it_says()
    {
        using SequenceBatch batch = SequenceBatch.Create([new(0, 2, 2)], user => Items[user], CPU);

        Assert.Equal([12], batch.Pack.Rows.data<int>().ToArray());
        Assert.Equal([13], batch.Targets.data<long>().ToArray());
    }
}
