using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Full-ranking figures of the baselines and the trained models; saved for <c>publish</c>.</summary>
public static class EvaluateStep
{
    private const int DefaultWindow = 200;

    /// <exception cref="UserErrorException">Nothing was prepared, or a model that was asked for is not trained.</exception>
    public static async Task<IReadOnlyList<EvaluationResult>> RunAsync(EvaluateOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        var ranking = new FullRanking(data.Split, data.Catalog.Count)
        {
            Exclude = options.Exclude,
            Window = options.Window ?? Scorers.MaxLength(context.Workspace) ?? DefaultWindow,
            Threads = context.Threads,
        };
        IReadOnlyList<string> models = options.Models.Count > 0 ? options.Models : Scorers.Available(context.Workspace);
        double total = models.Count * options.Splits.Count;
        var results = new List<EvaluationResult>();
        foreach (string model in models)
        {
            IScorer scorer = Scorers.Open(model, data, context);
            foreach (HeldOut split in options.Splits)
            {
                int done = results.Count;
                EvaluationResult result = ranking.Evaluate(
                    scorer, split, share => context.Progress.Report(new StepProgress { Fraction = (done + share) / total }), context.Cancellation);
                MetricsFile.Save(context.Workspace, result, DateTimeOffset.UtcNow);
                results.Add(result);
            }

            (scorer as IDisposable)?.Dispose();
        }

        return results;
    }
}
