using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Training.Pipeline;

/// <summary>The whole pipeline in order, as <c>run</c> calls it: each line is a verb of its own, too.</summary>
public static class PresetRun
{
    public const int Stages = 2;

    /// <returns>Every model's figures on validation and test.</returns>
    public static async Task<IReadOnlyList<EvaluationResult>> RunAsync(TrainingRun run, PrepareOptions prepare)
    {
        ArgumentNullException.ThrowIfNull(run);
        await run.StageAsync("prepare", context => PrepareStep.RunAsync(prepare, context));
        return await run.StageAsync("evaluate", context => EvaluateStep.RunAsync(new EvaluateOptions(), context));
    }
}
