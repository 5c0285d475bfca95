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

public sealed class NegativeMinerTests
{
    private static readonly MineNegativesOptions Options = new() { Candidates = 5, Skip = 2, Hard = 2, Random = 3 };

    // The retriever ranks the items in the order 0, 1, ..., 11.
    private static readonly float[] Scores = [.. Enumerable.Range(0, 12).Select(row => 1 - 0.05f * row)];

    [Fact]
    public void Hard_negatives_are_the_best_after_the_skipped_ones_without_the_positive_and_seen_items()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            MinedPosition mined = Mine(seed, positive: 3, seen: [1, 3, 7]);

            // The five best that remain are 0, 2, 4, 5, 6; the first two are skipped.
            int[] hard = Of(mined, CandidateKind.Hard);
            Assert.Equal(2, hard.Distinct().Count());
            Assert.All(hard, item => Assert.Contains(item, (int[])[4, 5, 6]));
            int[] random = Of(mined, CandidateKind.Random);
            Assert.Equal(3, random.Length);
            Assert.All(random, item => Assert.DoesNotContain(item, (int[])[1, 3, 7]));
        }
    }

    [Fact]
    public void The_positive_comes_first_and_each_candidate_has_the_retrievers_score()
    {
        MinedPosition mined = Mine(1, positive: 3, seen: [3]);

        Assert.Equal((8, 4, 3), (mined.User, mined.Position, mined.Items[0]));
        Assert.Equal([1f, 2f], mined.Embedding);
        Assert.Equal(CandidateKind.Positive, mined.Kinds[0]);
        Assert.DoesNotContain(CandidateKind.Positive, mined.Kinds.Skip(1));
        Assert.Equal(mined.Items.Select(row => Scores[row]), mined.Cosines);
    }

    [Fact]
    public void If_everything_was_seen_there_is_only_the_positive() =>
        Assert.Equal([3], Mine(1, positive: 3, seen: [.. Enumerable.Range(0, 12)]).Items);

    private static int[] Of(MinedPosition mined, CandidateKind kind) =>
        [.. mined.Items.Where((_, place) => mined.Kinds[place] == kind)];

    private static MinedPosition Mine(int seed, int positive, int[] seen) =>
        new NegativeMiner(Options, 12, new Random(seed)).Mine(8, 4, positive, [1, 2], Scores, RowSets.Of(12, seen));
}

public sealed class NegativesFileTests : FolderTests
{
    private static readonly Dictionary<string, string> MadeOf = new() { ["data"] = "3f", ["retriever"] = "a0" };
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_written_in_groups_is_read_back_in_order()
    {
        MinedPosition first = new(3, 7, [0.6f, 0.8f], [9, 4, 1], [CandidateKind.Positive, CandidateKind.Hard, CandidateKind.Random], [0.5f, 0.4f, -0.1f]);
        MinedPosition second = new(4, 2, [1, 0], [8], [CandidateKind.Positive], [0.25f]);
        await using (NegativesWriter file = await NegativesWriter.CreateAsync(Folder.File("negatives.parquet"), MadeOf, Cancellation))
        {
            await file.AddAsync(first, Cancellation);
            await file.FlushAsync(Cancellation);
            await file.AddAsync(second, Cancellation);
            await file.FlushAsync(Cancellation);
            Assert.Equal(4, file.Candidates);
        }

        await using NegativesReader reader = await NegativesReader.OpenAsync(Folder.File("negatives.parquet"), Cancellation);
        Assert.Equal(MadeOf, reader.MadeOf);
        Assert.Equal(2, reader.Groups);
        RequireSame(second, Assert.Single(await reader.ReadAsync(1, Cancellation)));
        RequireSame(first, Assert.Single(await reader.ReadAsync(0, Cancellation)));
    }

    [Fact]
    public async Task A_full_group_is_written_at_once()
    {
        await using (NegativesWriter file = await NegativesWriter.CreateAsync(Folder.File("negatives.parquet"), MadeOf, Cancellation))
        {
            for (int user = 0; user <= NegativesWriter.PositionsPerGroup; user++)
            {
                await file.AddAsync(new MinedPosition(user, 1, [1], [user, 0], [CandidateKind.Positive, CandidateKind.Random], [1, 0]), Cancellation);
            }

            await file.FlushAsync(Cancellation);
        }

        await using NegativesReader reader = await NegativesReader.OpenAsync(Folder.File("negatives.parquet"), Cancellation);
        Assert.Equal(2, reader.Groups);
        Assert.Equal(Enumerable.Range(0, NegativesWriter.PositionsPerGroup), (await reader.ReadAsync(0, Cancellation)).Select(mined => mined.Items[0]));
        Assert.Equal(NegativesWriter.PositionsPerGroup, Assert.Single(await reader.ReadAsync(1, Cancellation)).User);
    }

    [Fact]
    public async Task An_invalid_file_is_refused_with_the_command_to_run()
    {
        File.WriteAllText(Folder.File("negatives.parquet"), "not a Parquet file");

        await Assert.RefusedAsync(() => NegativesReader.OpenAsync(Folder.File("negatives.parquet"), Cancellation), "Run 'mine-negatives' again.");
    }

    private static void RequireSame(MinedPosition expected, MinedPosition actual)
    {
        Assert.Equal((expected.User, expected.Position), (actual.User, actual.Position));
        Assert.Equal(expected.Embedding, actual.Embedding);
        Assert.Equal(expected.Items, actual.Items);
        Assert.Equal(expected.Kinds, actual.Kinds);
        Assert.Equal(expected.Cosines, actual.Cosines);
    }
}
