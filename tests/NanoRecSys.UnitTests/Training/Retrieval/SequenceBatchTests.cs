using NanoRecSys.Training.Models;
using NanoRecSys.Training.Retrieval;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Retrieval;

public sealed class SequenceBatchTests
{
    private static readonly int[][] Items = [[10, 11, 12, 13], [20, 21]];

    public SequenceBatchTests() => LibTorch.Load();

    [Fact]
    public void Tokens_are_padded_on_the_left_and_every_position_knows_what_followed()
    {
        using SequenceBatch batch = SequenceBatch.Create([new(0, 0, 4), new(1, 0, 2)], user => Items[user], CPU);

        Assert.Equal([2, 3], batch.Tokens.shape);
        Assert.Equal([11, 12, 13, /**/ 0, 0, 21], batch.Tokens.data<long>().ToArray());
        Assert.Equal([0, 1, 2, 5], batch.Positions.data<long>().ToArray());
        Assert.Equal([11, 12, 13, 21], batch.Targets.data<long>().ToArray());
    }

    [Fact]
    public void A_window_starts_where_it_says()
    {
        using SequenceBatch batch = SequenceBatch.Create([new(0, 2, 2)], user => Items[user], CPU);

        Assert.Equal([13], batch.Tokens.data<long>().ToArray());
        Assert.Equal([13], batch.Targets.data<long>().ToArray());
    }
}
