namespace NanoRecSys.UnitTests.Training.Data;

public sealed class TimeSplitTests
{
    // Validation begins at 100, test at 200. Item n of user u is 10 u + n.
    private static readonly UserHistories Histories = new(
        [1, 2, 3, 4, 5, 6],
        [0, 6, 8, 10, 11, 13, 15],
        [10, 11, 12, 13, 14, 15, 20, 21, 30, 31, 40, 50, 51, 60, 61],
        [
            50, 99, 100, 150, 200, 300, // in every period
            10, 20, // only in training
            120, 250, // in validation and test
            300, // a single item, in test
            10, 220, // in training and test
            199, 200, // at the boundary
        ]);

    private static readonly TimeSplit Split = new(Histories, new TimeCuts(100, 200));

    private static UserHistories Twenty => new([1], [0, 20], [.. Enumerable.Range(0, 20)], [.. Enumerable.Range(0, 20).Select(t => 1000L + t)]);

    [Fact]
    public void Only_items_before_the_validation_period_are_trained_on()
    {
        Assert.Equal([10, 11], Split.Train(0).ToArray());
        Assert.Equal([50, 99], Split.TrainTimes(0).ToArray());
        Assert.Equal([20, 21], Split.Train(1).ToArray());
        Assert.True(Split.Train(2).IsEmpty);
        Assert.Equal([50], Split.Train(4).ToArray());
    }

    [Fact]
    public void With_the_validation_items_all_items_before_the_test_period_are_trained_on()
    {
        DataSplit final = Split.WithValidation();

        Assert.Equal([10, 11, 12, 13], final.Train(0).ToArray());
        Assert.Equal([30], final.Train(2).ToArray());
        Assert.False(final.TryGet(0, HeldOut.Validation, out HeldOutCase _));
        Assert.True(final.TryGet(0, HeldOut.Test, out HeldOutCase test));
        Assert.Equal((14, 200), (test.Target, test.Now));
    }

    [Fact]
    public void The_first_item_of_a_period_is_predicted_from_all_items_before_it()
    {
        Assert.True(Split.TryGet(0, HeldOut.Validation, out HeldOutCase validation));
        Assert.Equal((12, 100), (validation.Target, validation.Now));
        Assert.Equal([10, 11], validation.Before.ToArray());

        Assert.True(Split.TryGet(0, HeldOut.Test, out HeldOutCase test));
        Assert.Equal((14, 200), (test.Target, test.Now));
        Assert.Equal([10, 11, 12, 13], test.Before.ToArray());
        Assert.Equal([50, 99, 100, 150], test.BeforeTimes.ToArray());
    }

    [Theory]
    [InlineData(1, false, false)] // nothing in either period
    [InlineData(2, false, true)] // nothing before validation; the validation item is history for the test
    [InlineData(3, false, false)] // nothing before its only item
    [InlineData(4, false, true)] // nothing in validation
    [InlineData(5, false, true)]
    public void Users_without_items_in_a_period_or_before_it_are_not_evaluated(int user, bool validation, bool test)
    {
        Assert.Equal(validation, Split.TryGet(user, HeldOut.Validation, out HeldOutCase _));
        Assert.Equal(test, Split.TryGet(user, HeldOut.Test, out HeldOutCase _));
    }

    [Fact]
    public void The_latest_interactions_are_held_out_half_for_each_part()
    {
        Assert.Equal(new TimeCuts(1016, 1018), TimeCuts.At(Twenty, heldOut: 0.2));
        Assert.Equal(16, new TimeSplit(Twenty, TimeCuts.At(Twenty, heldOut: 0.2)).Train(0).Length);
    }

    [Theory]
    [InlineData(0.0001, "--held-out 0.0001 of 20 interactions leaves none for training, validation or test. Use a larger share.")]
    [InlineData(0.99, "--held-out 0.99 of 20 interactions leaves none for training, validation or test. Use a smaller share.")]
    public void A_share_that_leaves_a_part_empty_is_refused(double heldOut, string expected) =>
        Assert.Equal(expected, Assert.Throws<UserErrorException>(() => TimeCuts.At(Twenty, heldOut)).Message);

    [Fact]
    public void Identical_times_cannot_be_split()
    {
        UserHistories histories = new([1, 2], [0, 2, 4], [0, 1, 0, 1], [7, 7, 7, 7]);

        Assert.Refused<UserErrorException>(() => TimeCuts.At(histories, heldOut: 0.5), "Use --split leave-one-out.");
    }
}
