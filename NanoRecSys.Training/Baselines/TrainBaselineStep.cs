using TorchSharp;

namespace NanoRecSys.Training.Baselines;

/// <param name="Model">Its name in <c>evaluate</c>.</param>
/// <param name="Epochs">Total number of epochs or sweeps.</param>
/// <param name="BestEpoch">Epoch of the kept weights.</param>
/// <param name="Validation">Metrics of the kept weights.</param>
internal sealed record TrainBaselineSummary(string Model, int Epochs, int BestEpoch, double Seconds, IReadOnlyDictionary<string, double> Validation);

/// <summary>Trains a baseline and keeps the best weights on validation.</summary>
internal static class TrainBaselineStep
{
    /// <exception cref="UserErrorException">No prepared data.</exception>
    public static async Task<TrainBaselineSummary> RunAsync(IBaselineOptions options, StepContext context) =>
        await RunAsync(options, await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation), context);

    /// <param name="mostUsers">Maximum number of users to validate on.</param>
    public static async Task<TrainBaselineSummary> RunAsync(IBaselineOptions options, PreparedData data, StepContext context, int mostUsers = int.MaxValue)
    {
        LibTorch.Load();
        torch.set_num_threads(context.Threads);
        using var scope = torch.NewDisposeScope();
        IBaselineTrainer trainer = options.CreateTrainer(data, context);
        using var owned = trainer as IDisposable;
        var ranking = new NextItemRanking(data.Split, data.Catalog.Count) { Threads = context.Threads, MostUsers = mostUsers };
        var watch = Stopwatch.StartNew();
        var loop = new TrainingLoop<IBaselineTrainer>
        {
            Epochs = trainer.Epochs,
            Patience = trainer.Patience,
            ValidateEvery = trainer.ValidateEvery,
            Train = epoch => Task.FromResult(new CurvePoint(epoch, trainer.TrainEpoch(epoch, done => context.Progress.Report(new ProgressEvent
            {
                Fraction = (epoch - 1 + done) / trainer.Epochs,
                Epoch = epoch,
            }), context.Cancellation))),
            Validate = () => Validate(trainer, ranking, context.Cancellation),
            Keep = () => trainer.Save(context.Workspace.BaselineFolder(trainer.Name)),
        };
        TrainingState<IBaselineTrainer> state = await loop.RunAsync(TrainingState<IBaselineTrainer>.Start(trainer, context.Seed), context.Progress);
        return new TrainBaselineSummary(trainer.Name, state.Epoch, state.BestEpoch, watch.Elapsed.TotalSeconds, state.Best);
    }

    private static IReadOnlyDictionary<string, double> Validate(IBaselineTrainer trainer, NextItemRanking ranking, CancellationToken cancellation)
    {
        IScorer scorer = trainer.Open();
        using var owned = scorer as IDisposable;
        return ranking.Evaluate(scorer, HeldOut.Validation, cancellation).Metrics;
    }
}

/// <summary>Hyper-parameters of a baseline.</summary>
internal interface IBaselineOptions
{
    /// <returns>A trainer that the caller disposes if it is disposable.</returns>
    IBaselineTrainer CreateTrainer(PreparedData data, StepContext context);
}

/// <summary>A baseline in training.</summary>
internal interface IBaselineTrainer
{
    /// <summary>The model's name in <c>evaluate</c>.</summary>
    string Name { get; }

    int Epochs { get; }

    /// <summary>Epochs without a better validation result before training stops; by default it never stops early.</summary>
    int Patience => Epochs;

    /// <summary>Epochs between validations.</summary>
    int ValidateEvery => 1;

    /// <param name="epoch">1-based.</param>
    /// <param name="progress">Receives the completed share of the epoch, 0..1.</param>
    /// <returns>Mean loss; null if unknown.</returns>
    double? TrainEpoch(int epoch, Action<double> progress, CancellationToken cancellation);

    /// <summary>The model in its current state, valid until training continues; the caller disposes it if it is disposable.</summary>
    IScorer Open();

    void Save(string folder);
}
