using NanoRecSys.Benchmarks.Evaluation;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Offline metrics agree with those of the served model.</summary>
public sealed class LiveMetricsTests(LearnedArtifacts learned) : IDisposable
{
    private const int MaxDifferentUsers = 1; // the served graph's scores differ in the fifth digit

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("retriever", RankerUse.Never)]
    [InlineData("ranker", RankerUse.Always)]
    public async Task Metrics_measured_through_the_API_agree_with_those_of_evaluate(string model, RankerUse ranker)
    {
        StepContext context = await learned.CopyAsync(_folder.Path);
        await PublishStep.RunAsync(new PublishOptions { ServeSplit = ServeSplit.Train, Ranker = ranker }, context);
        await using ApiServer api = await ApiServer.StartAsync(context.Workspace.Store);

        IReadOnlyList<LiveAgreement> places = await LiveMetrics.MeasureAsync(api.Client, context, model, users: int.MaxValue);

        Assert.Equal([10, 50, 100], places.Select(at => at.Place));
        Assert.All(places, at =>
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"HR@{at.Place}: live {at.Live:F4}, offline {at.Offline:F4}, {at.Differ} users differ");
            Assert.InRange(at.Offline, 0.03, 0.9);
            Assert.InRange(at.Differ, 0, MaxDifferentUsers);
        });
    }
}
