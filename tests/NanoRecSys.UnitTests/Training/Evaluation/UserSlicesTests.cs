using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class UserSlicesTests
{
    // 30 interactions: item 0 has a third of them, 1 and 2 the next, 3 to 7 the last; 8 was never trained on.
    private static readonly int[] TrainCounts = [10, 5, 5, 2, 2, 2, 2, 2, 0];

    private static readonly RankedUsers Users = new(
        Users: [0, 1, 2, 3, 4, 5], Targets: [0, 0, 1, 3, 8, 7], HistoryLengths: [3, 3, 9, 5, 5, 90], Ranks: [[1, 11, 2, 300, 3, 20]]);

    private static readonly IReadOnlyList<EvaluationSlice> Slices = UserSlices.Of(Users, TrainCounts).Evaluate(Users.Ranks[0], depth: null);

    [Theory]
    [InlineData("head", 10, 10, 2, 0.5)] // ranks 1 and 11
    [InlineData("mid", 5, 5, 1, 1)] // rank 2
    [InlineData("tail", 0, 2, 3, 1.0 / 3)] // ranks 300, 3, 20
    [InlineData("short", 3, 3, 2, 0.5)] // ranks 1 and 11
    [InlineData("medium", 5, 5, 2, 0.5)] // ranks 300 and 3
    [InlineData("long", 9, 90, 2, 0.5)] // ranks 2 and 20
    public void Each_part_has_its_own_users_and_figures(string name, int from, int to, int users, double hits)
    {
        EvaluationSlice slice = Assert.Single(Slices, slice => slice.Name == name);

        Assert.Equal((from, to, users), (slice.From, slice.To, slice.Users));
        Assert.Equal(hits, slice.Metrics["hr@10"], 12);
    }

    [Fact]
    public void Both_partings_hold_every_user_once() =>
        Assert.All(Slices.GroupBy(slice => slice.By), parting => Assert.Equal(6, parting.Sum(slice => slice.Users)));
}
