using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Ranking;

public sealed class NegativesFileTests
{
    [Fact]
    public async Task What_is_written_in_groups_is_read_back_in_order()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("negatives.parquet");
        MinedCandidate[] first = [new(0, 3, 9, CandidateKind.Positive, false), new(0, 3, 4, CandidateKind.Hard, false)];
        MinedCandidate[] second = [new(1, 2, 8, CandidateKind.Random, true)];
        await using (NegativesFile file = await NegativesFile.CreateAsync(path, TestContext.Current.CancellationToken))
        {
            await file.WriteAsync(first, TestContext.Current.CancellationToken);
            await file.WriteAsync(second, TestContext.Current.CancellationToken);
        }

        MinedCandidate[] read = await NegativesFile.ReadAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal<MinedCandidate>([.. first, .. second], read);
    }
}
