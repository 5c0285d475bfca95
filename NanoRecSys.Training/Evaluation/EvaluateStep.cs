using NanoRecSys.Core.Evaluation;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Figures of the baselines and the trained models; those of a full ranking are saved for <c>publish</c>.</summary>
public static class EvaluateStep
{
    /// <exception cref="UserErrorException">Nothing was prepared, or a model that was asked for is not trained.</exception>
    public static async Task<EvaluationReport> RunAsync(EvaluateOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        string[] names = options.Models.Count > 0 ? [.. options.Models.Distinct()] : [.. EvaluatedModels.Available(context)];
        HeldOutItemsReport? heldOutItems = names.Contains(EvaluatedModels.HeldOutItems) ? EvaluatedModels.MeasureHeldOutItems(data, context) : null;
        names = [.. names.Where(name => name != EvaluatedModels.HeldOutItems)];
        if (names.Length == 0)
        {
            return new EvaluationReport([], []) { HeldOutItems = heldOutItems };
        }

        NextItemRanking ranking = RankingOf(options, data, context);
        using var models = new EvaluatedModels(names, data, context, ranking.LeftOut);
        IReadOnlyList<IScorer> scorers = options.AddLogPopularity ? AddLogPopularity(models.Scorers, data) : models.Scorers;
        var results = new List<EvaluationResult>();
        var differences = new List<PairedDifference>();
        foreach ((int number, HeldOut split) in options.Splits.Index())
        {
            RankedUsers users = ranking.Rank(
                scorers, split, share => context.Progress.Report(new StepProgress { Fraction = (number + share) / options.Splits.Count }), context.Cancellation);
            (IReadOnlyList<EvaluationResult> own, IEnumerable<PairedDifference> between) = Measure(users, scorers, split, ranking, options, data, context);
            results.AddRange(own);
            differences.AddRange(between);
        }

        foreach (EvaluationResult result in results)
        {
            MetricsFile.Save(context.Workspace, result, DateTimeOffset.UtcNow);
        }

        return new EvaluationReport(results, differences) { HeldOutItems = heldOutItems };
    }

    private static (IReadOnlyList<EvaluationResult> Results, IEnumerable<PairedDifference> Differences) Measure(
        RankedUsers users, IReadOnlyList<IScorer> scorers, HeldOut split, NextItemRanking ranking, EvaluateOptions options, PreparedData data, StepContext context)
    {
        Confidence? confidence = options.Resamples > 0 ? new Confidence(users.Ranks, options.Resamples, context.Seed, context.Threads) : null;
        UserSlices? slices = options.Slices ? UserSlices.Of(users, data.TrainCounts) : null;
        EvaluationResult[] results = [.. scorers.Select((scorer, model) =>
        {
            EvaluationResult result = ranking.ResultOf(scorer, split, users.Ranks[model]);
            return result with
            {
                Protocol = result.Protocol + (options.AddLogPopularity ? "+log-popularity" : "")
                    + (scorer is RankerScorer { Permuted: { } feature } ? $"+permuted-{feature.ToString().ToLowerInvariant()}" : ""),
                Intervals = confidence?.IntervalsOf(model),
                Slices = slices?.Evaluate(users.Ranks[model], ranking.DepthOf(scorer)),
            };
        })];
        return (results, confidence?.Differences(results) ?? []);
    }

    private static NextItemRanking RankingOf(EvaluateOptions options, PreparedData data, StepContext context) =>
        options.Sampled
            ? new SampledRanking(data.Split, new NegativeSampler(options.Negatives, data.Catalog.Count, context.Seed), data.Catalog.Count)
            {
                Exclude = options.Exclude,
                Window = options.Window,
                Threads = context.Threads,
            }
            : new FullRanking(data.Split, data.Catalog.Count) { Exclude = options.Exclude, Window = options.Window, Threads = context.Threads };

    private static IReadOnlyList<IScorer> AddLogPopularity(IReadOnlyList<IScorer> scorers, PreparedData data)
    {
        float[] logShares = InfoNceLoss.LogShares(data.TrainCounts);
        return [.. scorers.Select(scorer => new LogPopularityScorer(scorer, logShares))];
    }
}
