using NanoRecSys.Training.Data;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>Runs the steps of the command line, from data to a published version with both stages.</summary>
internal static class WholeTraining
{
    public static async Task<PublishSummary> RunAsync(
        PrepareOptions prepare, TrainRetrieverOptions retriever, MineNegativesOptions negatives, TrainRankerOptions ranker, RankerUse use, StepContext context)
    {
        using IDisposable alone = await SeededTorch.EnterAsync();
        await PrepareStep.RunAsync(prepare, context);
        await TrainRetrieverStep.RunAsync(retriever, context);
        await MineNegativesStep.RunAsync(negatives, context);
        await TrainRankerStep.RunAsync(ranker, context);
        await ExportStep.RunAsync(new ExportOptions(), context);
        await IndexStep.RunAsync(new IndexOptions(), context);
        return await PublishStep.RunAsync(new PublishOptions { Ranker = use }, context);
    }
}
