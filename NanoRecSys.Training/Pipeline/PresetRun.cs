using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Pipeline;

/// <summary>What a whole run made.</summary>
/// <param name="Results">Every model's figures on validation and test.</param>
/// <param name="Published">The version that is now current.</param>
internal sealed record PresetRunSummary(IReadOnlyList<EvaluationResult> Results, PublishSummary Published);

/// <summary>The whole pipeline in order, as <c>run</c> calls it: each line is a verb of its own, too.</summary>
internal static class PresetRun
{
    public const int Stages = 8;

    public static async Task<PresetRunSummary> RunAsync(TrainingRun run, string preset, PrepareOptions prepare)
    {
        DatasetSummary data = await run.StageAsync("prepare", context => PrepareStep.RunAsync(prepare, context));
        Preset chosen = Presets.Get(preset, data);
        await run.StageAsync("train-retriever", context =>
        {
            context.Progress.Report(new StepProgress { Message = chosen.Describe(chosen.Retriever) });
            return TrainRetrieverStep.RunAsync(chosen.Retriever, context);
        });
        await run.StageAsync("mine-negatives", context => MineNegativesStep.RunAsync(chosen.Negatives, context));
        await run.StageAsync("train-ranker", context => TrainRankerStep.RunAsync(chosen.Ranker, context));
        EvaluationReport evaluated = await run.StageAsync("evaluate", context => EvaluateStep.RunAsync(new EvaluateOptions(), context));
        await run.StageAsync("export", context => ExportStep.RunAsync(new ExportOptions(), context));
        await run.StageAsync("index", context => IndexStep.RunAsync(new IndexOptions(), context));
        PublishSummary published = await run.StageAsync("publish", context => PublishStep.RunAsync(new PublishOptions(), context));
        return new PresetRunSummary(evaluated.Results, published);
    }
}
