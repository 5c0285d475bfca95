using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Ranking;

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
