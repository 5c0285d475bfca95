namespace NanoRecSys.UnitTests.Training.Export;

public sealed class ServedHistoriesTests
{
    private static readonly Catalog Catalog = new([new(0, 10, "viewed", [], 0), new(1, 11, "bought", [], 0), new(2, 12, "held out", [], 0)]);

    // Each user viewed item 0 twice, the first bought item 1; the last two items of each are held out.
    private static readonly UserHistories Weighted = new(
        [1, 2], [0, 5, 9], [0, 0, 1, 2, 2, 0, 0, 2, 2], [1, 2, 3, 4, 5, 1, 2, 3, 4], [0.25f, 0.25f, 4, 1, 1, 0.25f, 0.25f, 1, 1]);

    [Fact]
    public void Counts_are_of_interactions_and_weights_are_sums()
    {
        Catalog counted = ServedHistories.Count(Catalog, Weighted);

        Assert.Equal([4, 1, 4], counted.Items.Select(item => item.Count));
        Assert.Equal([1, 4, 4], counted.Items.Select(item => item.Popularity));
    }

    [Fact]
    public void Without_weights_popularity_is_the_count()
    {
        Catalog counted = ServedHistories.Count(Catalog, new UserHistories([1], [0, 2], [1, 1]));

        Assert.All(counted.Items, item => Assert.Null(item.Weight));
        Assert.Equal([0, 2, 0], counted.Items.Select(item => item.Popularity));
    }

    [Fact]
    public void Histories_truncated_to_the_training_part_keep_their_weights()
    {
        UserHistories served = ServedHistories.Of(Data(Weighted), ServeSplit.Train);

        Assert.Equal([0, 0, 1, 0, 0], served.Items);
        Assert.Equal([0.25f, 0.25f, 4, 0.25f, 0.25f], served.Weights);
    }

    [Fact]
    public void Popularity_baseline_counts_weights_rather_than_frequencies()
    {
        var scores = new float[3];

        new Popularity(Data(Weighted).TrainWeights()).Score([new[] { 0 }], scores);

        Assert.Equal([1, 4, 0], scores);
    }

    private static PreparedData Data(UserHistories histories) => new(null!, Catalog, new LeaveOneOut(histories), [4, 1, 0]);
}
