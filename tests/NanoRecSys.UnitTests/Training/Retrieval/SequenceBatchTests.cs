using NanoRecSys.Training.Retrieval;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Retrieval;

public sealed class SequenceBatchTests
{
    // Two users, the second with too few items to hold any out; the first's training part is 10, 11, 12, 13.
    private static readonly DataSplit Split = new LeaveOneOut(new UserHistories(
        [1, 2], [0, 6, 8], [10, 11, 12, 13, 14, 15, 20, 21], [100, 160, 100_000, 100_001, 5, 5, 7, 9]));

    public SequenceBatchTests() => LibTorch.Load();

    [Fact]
    public void Sequences_are_packed_end_to_end_with_the_target_of_every_position()
    {
        using SequenceBatch batch = SequenceBatch.Create([new(0, 0, 4), new(1, 0, 2)], Split, hasTimes: false, CPU);

        Assert.Equal([0, 3, 4], batch.Pack.Offsets);
        Assert.Equal([10, 11, 12, /**/ 20], batch.Pack.Rows.data<int>().ToArray());
        Assert.Equal([0, 1, 2, /**/ 0], batch.Pack.FromStart.data<long>().ToArray());
        Assert.Equal([11, 12, 13, /**/ 21], batch.Targets.data<long>().ToArray());
    }

    [Fact]
    public void A_window_starts_at_its_offset()
    {
        using SequenceBatch batch = SequenceBatch.Create([new(0, 2, 2)], Split, hasTimes: false, CPU);

        Assert.Equal([12], batch.Pack.Rows.data<int>().ToArray());
        Assert.Equal([13], batch.Targets.data<long>().ToArray());
    }

    [Fact]
    public void A_target_is_predicted_at_its_own_time()
    {
        using SequenceBatch batch = SequenceBatch.Create([new(0, 0, 3)], Split, hasTimes: true, CPU);

        // Item 11 is predicted 60 s after item 10; item 12 is predicted 99,900 s after item 10 and 99,840 s after item 11.
        Assert.Equal([13], batch.Pack.TimeBuckets!.Row(0, 0).ToArray());
        Assert.Equal([38, 38], batch.Pack.TimeBuckets.Row(0, 1).ToArray());
    }

    [Fact]
    public void Every_target_has_its_interactions_weight()
    {
        var split = new LeaveOneOut(new UserHistories([1, 2], [0, 6, 8], [10, 11, 12, 13, 14, 15, 20, 21], weights: [1, 2, 3, 4, 5, 6, 7, 8]));

        using SequenceBatch batch = SequenceBatch.Create([new(0, 1, 3), new(1, 0, 2)], split, hasTimes: false, CPU, multiple: 8);
        using SequenceBatch unweighted = SequenceBatch.Create([new(0, 0, 4)], Split, hasTimes: false, CPU);

        Assert.Equal([12, 13, /**/ 21], batch.Targets.data<long>().ToArray());
        Assert.Equal([3, 4, /**/ 8], batch.Weights!.Values.data<float>().ToArray());
        Assert.Equal(15, batch.TotalWeight);
        Assert.Null(unweighted.Weights);
        Assert.Equal(3, unweighted.TotalWeight);
    }

    [Fact]
    public void Filler_sequences_follow_the_targets_and_are_at_most_a_window_long()
    {
        using SequenceBatch batch = SequenceBatch.Create([new(0, 0, 4), new(1, 0, 2)], Split, hasTimes: true, CPU, multiple: 8);

        Assert.Equal([0, 3, 4, /**/ 7, 8], batch.Pack.Offsets);
        Assert.Equal(8, batch.Pack.Rows.shape[0]);
        Assert.Equal([11, 12, 13, /**/ 21], batch.Targets.data<long>().ToArray());
    }
}
