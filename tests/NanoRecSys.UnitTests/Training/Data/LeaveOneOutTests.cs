namespace NanoRecSys.UnitTests.Training.Data;

public sealed class LeaveOneOutTests
{
    // Users 7, 8, 9 with 5, 3 and 2 items.
    private static readonly LeaveOneOut Split = new(new UserHistories(
        [7, 8, 9], [0, 5, 8, 10], [10, 11, 12, 13, 14, 20, 21, 22, 30, 31], [100, 101, 102, 103, 104, 5, 5, 6, 70, 71]));

    [Fact]
    public void The_last_item_is_the_test_target_and_the_one_before_it_the_validation_target()
    {
        Assert.True(Split.TryGet(0, HeldOut.Test, out HeldOutCase test));
        Assert.True(Split.TryGet(0, HeldOut.Validation, out HeldOutCase validation));

        Assert.Equal((14, 104, 13), (test.Target, test.Now, validation.Target));
        Assert.Equal([10, 11, 12, 13], test.Before.ToArray());
        Assert.Equal([100, 101, 102, 103], test.BeforeTimes.ToArray());
        Assert.Equal([10, 11, 12], validation.Before.ToArray());
        Assert.Equal([10, 11, 12], Split.Train(0).ToArray());
        Assert.Equal([100, 101, 102], Split.TrainTimes(0).ToArray());
        Assert.Equal([20], Split.Train(1).ToArray()); // user 8 has three items
    }

    [Fact]
    public void Data_without_times_splits_alike()
    {
        LeaveOneOut split = new(new UserHistories([7], [0, 3], [10, 11, 12]));

        Assert.Equal([10], split.Train(0).ToArray());
        Assert.True(split.TrainTimes(0).IsEmpty);
        Assert.True(split.TryGet(0, HeldOut.Test, out HeldOutCase test));
        Assert.Equal((12, null), (test.Target, test.Now));
        Assert.True(test.BeforeTimes.IsEmpty);
    }

    [Fact]
    public void With_the_validation_items_all_but_the_test_item_are_trained_on()
    {
        DataSplit final = Split.WithValidation();

        Assert.Equal([10, 11, 12, 13], final.Train(0).ToArray());
        Assert.Equal([100, 101, 102, 103], final.TrainTimes(0).ToArray());
        Assert.Equal([30, 31], final.Train(2).ToArray());
        Assert.False(final.TryGet(0, HeldOut.Validation, out HeldOutCase _));
        Assert.True(final.TryGet(0, HeldOut.Test, out HeldOutCase test));
        Assert.Equal(14, test.Target);
        Assert.Equal([10, 11, 12, 13], test.Before.ToArray());
    }

    [Fact]
    public void A_user_with_two_items_is_only_trained_on()
    {
        Assert.False(Split.TryGet(2, HeldOut.Test, out _, out _));
        Assert.False(Split.TryGet(2, HeldOut.Validation, out _, out _));
        Assert.Equal([30, 31], Split.Train(2).ToArray());
        Assert.Equal([70, 71], Split.TrainTimes(2).ToArray());
    }

    [Fact]
    public void Training_counts_leave_the_targets_out()
    {
        int[] counts = PreparedData.CountTrain(Split, items: 32);

        Assert.Equal([10, 11, 12, 20, 30, 31], Enumerable.Range(0, 32).Where(item => counts[item] == 1));
        Assert.Equal(6, counts.Sum());
    }
}
