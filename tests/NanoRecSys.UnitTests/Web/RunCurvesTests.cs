using NanoRecSys.Web.Components.Training;

namespace NanoRecSys.UnitTests.Web;

public sealed class RunCurvesTests
{
    [Fact]
    public void Runs_share_one_scale_of_epochs_and_figures()
    {
        RunCurves curves = RunCurves.From([Run("a", 0.1, 0.2, 0.4), Run("b", 0.2)]);

        Assert.Equal((0.4, 3), (curves.Highest, curves.LastEpoch));
        Assert.Equal([("a", "0,74.5 50,51 100,4"), ("b", "0,51 0,51")], curves.Lines);
    }

    [Fact]
    public void Runs_that_measured_nothing_have_no_line() => Assert.Empty(RunCurves.From([Run("a")]).Lines);

    private static RunSummary Run(string name, params double[] ndcg) => new(
        name, "completed", "publish", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, null, null, null,
        [.. ndcg.Select((value, i) => new EpochFigures(i + 1, null, value))]);
}
