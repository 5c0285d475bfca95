using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Ranking;

[Collection(SeededTorch.Name)]
public sealed class MineNegativesStepTests : FolderTests
{
    private static readonly MineNegativesOptions Options = new() { Candidates = 10, Skip = 2, Hard = 3, Random = 2 };

    [Fact]
    public async Task Validation_items_are_mined_separately_and_no_held_out_item_is_trained_on()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");

        MineNegativesSummary summary = await MineNegativesStep.RunAsync(Options, context);

        // The last two of seven items are held out, and the first has no item before it.
        Assert.Equal((TwoTastes.Users * 4, TwoTastes.Users), (summary.Positions, summary.ValidationPositions));
        Assert.Equal(6 * 5 * TwoTastes.Users, summary.Rows);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        IReadOnlyList<MinedPosition> train = await ReadAsync(context.Workspace.NegativesFile);
        IReadOnlyList<MinedPosition> validation = await ReadAsync(context.Workspace.ValidationNegativesFile);
        Assert.All(train, mined => Assert.Equal(data.Split.Train(mined.User)[mined.Position], mined.Items[0]));
        Assert.All(validation, mined => Assert.Equal(data.Split.Items(mined.User)[TwoTastes.Length - 2], mined.Items[0]));
        Assert.All(train.Concat(validation), mined =>
        {
            Assert.DoesNotContain(mined.Items.Skip(1), data.Split.Train(mined.User).ToArray().Append(mined.Items[0]).Contains); // nor a later training item
            Assert.Equal(1, mined.Embedding.Sum(value => value * value), 1e-4f);
        });
    }

    [Fact]
    public async Task Held_out_items_can_be_negatives_so_that_nothing_reveals_them()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");

        await MineNegativesStep.RunAsync(new MineNegativesOptions { Candidates = TwoTastes.Items, Skip = 0, Hard = TwoTastes.Items }, context);

        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        Assert.All(await ReadAsync(context.Workspace.NegativesFile), mined =>
            Assert.Subset(mined.Items[1..].ToHashSet(), data.Split.Items(mined.User)[(TwoTastes.Length - 2)..].ToArray().ToHashSet()));
    }

    [Fact]
    public async Task Mined_negatives_depend_on_the_seed()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");

        int[] first = await MineAsync(context);
        int[] again = await MineAsync(context);
        int[] other = await MineAsync(context with { Seed = 43 });

        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
    }

    [Fact]
    public async Task A_sample_is_a_share_of_the_training_positions_and_validates_on_all()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");

        MineNegativesSummary summary = await MineNegativesStep.RunAsync(Options with { Sample = 0.5 }, context);

        Assert.InRange(summary.Positions, 50, 110); // 80 of 160 expected, with a standard deviation of 6
        Assert.Equal(TwoTastes.Users, summary.ValidationPositions);
    }

    private static async Task<int[]> MineAsync(StepContext context)
    {
        await MineNegativesStep.RunAsync(Options, context);
        return [.. (await ReadAsync(context.Workspace.NegativesFile)).SelectMany(mined => mined.Items)];
    }

    private static async Task<IReadOnlyList<MinedPosition>> ReadAsync(string path)
    {
        await using NegativesReader reader = await NegativesReader.OpenAsync(path, TestContext.Current.CancellationToken);
        return await reader.ReadAsync(0, TestContext.Current.CancellationToken);
    }
}
