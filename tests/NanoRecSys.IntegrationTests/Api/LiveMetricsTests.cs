using System.Text.Json;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.IntegrationTests.Fixtures;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>What is measured offline is what is served.</summary>
public sealed class LiveMetricsTests(TrainedArtifacts trained) : IDisposable
{
    private static readonly int[] Places = [10, 50, 100];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Metrics_measured_through_the_API_agree_with_those_of_evaluate()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        var options = new EvaluateOptions { Models = ["retriever"], Splits = [HeldOut.Validation], Resamples = 0 };
        EvaluationResult offline = Assert.Single((await EvaluateStep.RunAsync(options, context)).Results);
        await PublishStep.RunAsync(new PublishOptions { ServeSplit = ServeSplit.Train, Ranker = RankerUse.Never }, context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        await using ApiServer api = await ApiServer.StartAsync(context.Workspace.Store);

        // Without the held-out items, the next one of each user is the validation item.
        int[] hits = new int[Places.Length];
        for (int user = 0; user < data.Histories.UserCount; user++)
        {
            int target = data.Catalog.Items[data.Histories.At(user)[^2]].MovieId;
            JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{data.Histories.UserIds[user]}}, "k": 100}""");
            int rank = Array.IndexOf(answer.MovieIds(), target);
            for (int place = 0; place < Places.Length; place++)
            {
                hits[place] += rank >= 0 && rank < Places[place] ? 1 : 0;
            }
        }

        for (int place = 0; place < Places.Length; place++)
        {
            // One user of 671 may change sides: the served graph's numbers differ in the fifth digit.
            double live = (double)hits[place] / data.Histories.UserCount;
            Assert.InRange(live, offline.Metrics[$"hr@{Places[place]}"] - 0.0016, offline.Metrics[$"hr@{Places[place]}"] + 0.0016);
            TestContext.Current.TestOutputHelper?.WriteLine($"HR@{Places[place]}: live {live:F4}, offline {offline.Metrics[$"hr@{Places[place]}"]:F4}");
        }
    }
}
