using NanoRecSys.Benchmarks.Generate;
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

[Collection(SeededTorch.Name)]
public sealed class EpochEstimateTests : FolderTests
{
    [Fact]
    public async Task Data_without_a_position_to_train_on_is_refused()
    {
        string raw = Directory.CreateDirectory(Folder.File("short")).FullName;
        await File.WriteAllTextAsync(Path.Combine(raw, "ratings.csv"), "1,10,5,1\n1,11,5,2\n1,12,5,3\n", TestContext.Current.CancellationToken);
        StepContext context = StepContexts.In(Folder.Path, "short");
        await PrepareStep.RunAsync(new PrepareOptions { Data = raw }, context);

        await Assert.RefusedAsync(() => EpochEstimate.MeasureAsync("quick", 2, context), "No user has two items to train on.");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(100)] // more than an epoch has
    public async Task A_few_steps_are_projected_to_an_epoch_and_nothing_is_written(int steps)
    {
        string raw = Folder.File("tiny");
        GeneratedData.Write(new GenerateOptions(raw, Users: 60, Items: 90, Ratings: 900, Seed: 1), _ => { }, TestContext.Current.CancellationToken);
        StepContext context = StepContexts.In(Folder.Path, "tiny");
        await PrepareStep.RunAsync(new PrepareOptions { Data = raw }, context);

        EpochEstimate estimate = await EpochEstimate.MeasureAsync("quick", steps, context);

        Assert.Equal((4, 15), (estimate.Steps, estimate.MostEpochs)); // 60 users, 16 per step
        Assert.True(estimate.StepSeconds > 0 && estimate.ValidationSeconds > 0, $"{estimate}");
        Assert.Equal(4 * estimate.StepSeconds, estimate.TrainSeconds, precision: 9);
        Assert.Equal(16 / estimate.StepSeconds, estimate.SequencesPerSecond, precision: 6);
        Assert.InRange(estimate.ProcessorShare, 0.001, 1.5);
        Assert.True(estimate.PeakMemory > 1 << 26, $"{estimate}");
        Assert.False(Directory.Exists(context.Workspace.RetrieverFolder));
    }
}

public sealed class LearningRateScheduleTests
{
    [Theory]
    [InlineData(0, 0.25)]
    [InlineData(3, 1)]
    [InlineData(4, 1)]
    [InlineData(9, 0.5)]
    [InlineData(14, 0)]
    public void It_warms_up_linearly_and_decays_along_a_cosine(long step, double expected) =>
        Assert.Equal(expected, new LearningRateSchedule(1, 4, LearningRateDecay.Cosine, 14).At(step), 1e-9);

    [Fact]
    public void Without_decay_it_is_constant() =>
        Assert.Equal(2, new LearningRateSchedule(2, 4, LearningRateDecay.None, 14).At(1000));
}
