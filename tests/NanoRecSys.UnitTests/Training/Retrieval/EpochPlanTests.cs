using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.UnitTests.Training.Retrieval;

public sealed class EpochPlanTests
{
    // Training parts of 1, 3 and 7 items: the last two of each history's 3, 5 and 9 are held out.
    private static readonly LeaveOneOut Split = new(new UserHistories(
        [1, 2, 3], [0, 3, 8, 17], [0, 1, 2, /**/ 0, 1, 2, 3, 4, /**/ 0, 1, 2, 3, 4, 5, 6, 7, 8]));

    [Fact]
    public void The_last_items_are_trained_on_and_users_with_one_item_left_out()
    {
        SequenceWindow[] plan = EpochPlan.Windows(Split, maxLength: 4, TrainingWindow.Last, new Random(1));

        Assert.Equal([new(1, 0, 3), new(2, 2, 5)], plan.OrderBy(window => window.User));
    }

    [Fact]
    public void Random_windows_cover_the_training_part_up_to_both_ends()
    {
        var random = new Random(1);
        int[] starts = [.. Enumerable.Range(0, 50)
            .SelectMany(_ => EpochPlan.Windows(Split, maxLength: 4, TrainingWindow.Random, random))
            .Where(window => window.User == 2).Select(window => window.Start).Distinct().Order()];

        Assert.Equal([0, 1, 2], starts);
    }

    [Fact]
    public void The_same_seed_makes_the_same_plan_and_another_one_another()
    {
        SequenceWindow[] Plan(int seed) => EpochPlan.Windows(ManyUsers(), maxLength: 4, TrainingWindow.Last, new Random(seed));

        Assert.Equal(Plan(1), Plan(1));
        Assert.NotEqual(Plan(1), Plan(2));
    }

    private static LeaveOneOut ManyUsers() => new(new UserHistories(
        [.. Enumerable.Range(0, 20)], [.. Enumerable.Range(0, 21).Select(u => 5L * u)], [.. Enumerable.Range(0, 100).Select(i => i % 7)]));
}
