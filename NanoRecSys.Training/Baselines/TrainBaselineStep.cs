using System.Diagnostics;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;
using TorchSharp;

namespace NanoRecSys.Training.Baselines;

/// <summary>What is trained for comparison: one of the two.</summary>
public sealed record TrainBaselineOptions
{
    /// <summary>Set for the matrix factorisation.</summary>
    public MatrixFactorizationOptions? MatrixFactorization { get; init; }

    /// <summary>Set for the MLP user tower.</summary>
    public MlpUserTowerOptions? MlpUserTower { get; init; }
}

/// <summary>What came of a training.</summary>
/// <param name="Model">As <c>evaluate</c> calls it.</param>
/// <param name="Epochs">Epochs, or sweeps, in all.</param>
/// <param name="BestEpoch">The one whose weights were kept.</param>
/// <param name="Seconds">Wall time.</param>
/// <param name="Validation">Metrics of the kept weights.</param>
public sealed record TrainBaselineSummary(string Model, int Epochs, int BestEpoch, double Seconds, IReadOnlyDictionary<string, double> Validation);

/// <summary>Trains a baseline and keeps the weights that are best on validation.</summary>
public static class TrainBaselineStep
{
    private const string SelectionMetric = "ndcg@10";

    /// <exception cref="UserErrorException">No prepared data.</exception>
    public static async Task<TrainBaselineSummary> RunAsync(TrainBaselineOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        LibTorch.Load();
        torch.set_num_threads(context.Threads);
        using var scope = torch.NewDisposeScope();
        using IBaselineTrainer trainer = TrainerOf(options, data, context);
        return Train(trainer, data, context);
    }

    private static TrainBaselineSummary Train(IBaselineTrainer trainer, PreparedData data, StepContext context)
    {
        var ranking = new FullRanking(data.Split, data.Catalog.Count) { Threads = context.Threads };
        var watch = Stopwatch.StartNew();
        (int epoch, int bestEpoch) = (0, 0);
        EvaluationOfEpoch? best = null;
        while (epoch < trainer.Epochs && epoch - bestEpoch < trainer.Patience)
        {
            int current = ++epoch;
            double? loss = trainer.TrainEpoch(epoch, done => context.Progress.Report(new StepProgress
            {
                Fraction = (current - 1 + done) / trainer.Epochs,
                Epoch = current,
            }), context.Cancellation);
            EvaluationOfEpoch validated = Validate(trainer, ranking, context.Cancellation);
            if (best is null || validated.Metrics[SelectionMetric] > best.Metrics[SelectionMetric])
            {
                (best, bestEpoch) = (validated, epoch);
                trainer.Save(BaselineFiles.FolderOf(context.Workspace, validated.Model));
            }

            context.Progress.Report(new StepProgress { Fraction = (double)epoch / trainer.Epochs, Epoch = epoch, Loss = loss, Metrics = validated.Metrics });
        }

        return new TrainBaselineSummary(best!.Model, epoch, bestEpoch, watch.Elapsed.TotalSeconds, best.Metrics);
    }

    private static EvaluationOfEpoch Validate(IBaselineTrainer trainer, FullRanking ranking, CancellationToken cancellation)
    {
        IScorer scorer = trainer.Open();
        try
        {
            return new EvaluationOfEpoch(scorer.Name, ranking.Evaluate(scorer, HeldOut.Validation, cancellation: cancellation).Metrics);
        }
        finally
        {
            (scorer as IDisposable)?.Dispose();
        }
    }

    private static IBaselineTrainer TrainerOf(TrainBaselineOptions options, PreparedData data, StepContext context)
    {
        if (options.MatrixFactorization is { } factorization)
        {
            return new MatrixFactorizationTrainer(factorization, data, context.Seed, context.Threads);
        }

        MlpUserTowerOptions tower = options.MlpUserTower ?? throw new ArgumentException("Options of neither baseline were given.", nameof(options));
        torch.Device device = torch.device(context.Device);
        IRetrieverLoss loss = TrainRetrieverStep.CreateLoss(
            new TrainRetrieverOptions { Loss = tower.Loss, Temperature = tower.Temperature }, data, device);
        return new MlpUserTowerTrainer(tower, data, loss, context.Seed, device);
    }

    private sealed record EvaluationOfEpoch(string Model, IReadOnlyDictionary<string, double> Metrics);
}
