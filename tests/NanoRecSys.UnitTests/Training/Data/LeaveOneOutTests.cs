using System.Globalization;

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

        Assert.Equal((14, 104, 13), (test.Target, test.History.Now, validation.Target));
        Assert.Equal([10, 11, 12, 13], test.History.Items.ToArray());
        Assert.Equal([100, 101, 102, 103], test.History.Times.ToArray());
        Assert.Equal([10, 11, 12], validation.History.Items.ToArray());
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
        Assert.Equal((12, 0), (test.Target, test.History.Now));
        Assert.True(test.History.Times.IsEmpty);
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
        Assert.Equal([10, 11, 12, 13], test.History.Items.ToArray());
    }

    [Fact]
    public void A_user_with_two_items_is_only_trained_on()
    {
        Assert.False(Split.TryGet(2, HeldOut.Test, out _));
        Assert.False(Split.TryGet(2, HeldOut.Validation, out _));
        Assert.Equal([30, 31], Split.Train(2).ToArray());
        Assert.Equal([70, 71], Split.TrainTimes(2).ToArray());
    }
}

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
        Assert.Equal((14, 200), (test.Target, test.History.Now));
    }

    [Fact]
    public void The_first_item_of_a_period_is_predicted_from_all_items_before_it()
    {
        Assert.True(Split.TryGet(0, HeldOut.Validation, out HeldOutCase validation));
        Assert.Equal((12, 100), (validation.Target, validation.History.Now));
        Assert.Equal([10, 11], validation.History.Items.ToArray());

        Assert.True(Split.TryGet(0, HeldOut.Test, out HeldOutCase test));
        Assert.Equal((14, 200), (test.Target, test.History.Now));
        Assert.Equal([10, 11, 12, 13], test.History.Items.ToArray());
        Assert.Equal([50, 99, 100, 150], test.History.Times.ToArray());
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

public sealed class HeldOutItemsTests : FolderTests
{
    [Fact]
    public async Task Held_out_items_are_removed_with_all_their_interactions()
    {
        (StepContext context, DatasetSummary summary) = await PrepareAsync(share: 0.25);

        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        HeldOutItems heldOut = HeldOutItems.Read(context.Workspace.DataFolder);

        Assert.Equal((2, 6), (heldOut.Items.Count, data.Catalog.Count));
        Assert.Equal((2, 8 * 6L), (summary.NewItems, summary.Interactions)); // eight users, each with six of the eight items left
        Assert.Empty(heldOut.Items.Select(item => item.Id).Intersect(data.Catalog.Items.Select(item => item.Id)));
        Assert.All(heldOut.Items, item => Assert.Equal((0, $"Film {item.Id}", 1990), (item.Count, item.Title, item.Year)));
    }

    [Fact]
    public async Task Each_users_last_one_is_predicted_from_the_items_before_it()
    {
        (StepContext context, _) = await PrepareAsync(share: 0.25);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        HeldOutItems heldOut = HeldOutItems.Read(context.Workspace.DataFolder);

        // User u has films u, u + 1, ... on a circle of eight.
        foreach (HeldOutItemCase held in heldOut.Cases)
        {
            int[] order = [.. Enumerable.Range(0, 8).Select(t => 1 + (int.Parse(held.UserId.Text, CultureInfo.InvariantCulture) + t) % 8)];
            int[] fresh = [.. heldOut.Items.Select(item => int.Parse(item.Id.Text, CultureInfo.InvariantCulture))];
            int place = Array.FindLastIndex(order, fresh.Contains);
            Assert.Equal((EntityId)order[place], held.ItemId);
            Assert.Equal(order[..place].Except(fresh).Count(), held.Known);
        }

        Assert.InRange(heldOut.Cases.Count, 7, 8); // a user with no item before it has no case
    }

    [Fact]
    public async Task The_seed_determines_them()
    {
        EntityId[] Ids(StepContext context) => [.. HeldOutItems.Read(context.Workspace.DataFolder).Items.Select(item => item.Id)];

        EntityId[] first = Ids((await PrepareAsync(0.5)).Context);

        Assert.Equal(first, Ids((await PrepareAsync(0.5)).Context));
        Assert.NotEqual(first, Ids((await PrepareAsync(0.5, seed: 4)).Context));
    }

    [Fact]
    public async Task Data_prepared_without_them_names_the_command_to_run()
    {
        (StepContext context, _) = await PrepareAsync(share: 0);

        Assert.Refused<UserErrorException>(() => HeldOutItems.Read(context.Workspace.DataFolder), "Run 'prepare' with --new-items");
    }

    private async Task<(StepContext Context, DatasetSummary Summary)> PrepareAsync(double share, long seed = 3)
    {
        string source = Directory.CreateDirectory(Folder.File("source")).FullName;
        IEnumerable<string> rows = Enumerable.Range(0, 8).SelectMany(user => Enumerable.Range(0, 8).Select(t => $"{user},{1 + (user + t) % 8},4,{100 + t}"));
        await File.WriteAllLinesAsync(Path.Combine(source, "ratings.csv"), ["userId,movieId,rating,timestamp", .. rows], TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(
            Path.Combine(source, "movies.csv"), ["movieId,title,genres", .. Enumerable.Range(1, 8).Select(id => $"{id},Film {id} (1990),Drama")], TestContext.Current.CancellationToken);
        StepContext context = StepContexts.In(Folder.File("artifacts"), "circle") with { Seed = seed };
        return (context, await PrepareStep.RunAsync(new PrepareOptions { Data = source, NewItems = share }, context));
    }
}
