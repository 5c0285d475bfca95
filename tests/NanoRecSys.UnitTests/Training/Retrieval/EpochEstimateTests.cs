using NanoRecSys.Benchmarks.Generate;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.UnitTests.Training.Retrieval;

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
