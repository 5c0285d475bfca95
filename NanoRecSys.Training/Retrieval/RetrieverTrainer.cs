using System.Diagnostics;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>What one epoch came to.</summary>
/// <param name="Epoch">1-based.</param>
/// <param name="Loss">Mean over the epoch's positions, in nats.</param>
/// <param name="Seconds">Of training, validation not counted.</param>
/// <param name="Sequences">Windows trained on.</param>
public sealed record EpochResult(int Epoch, double Loss, double Seconds, int Sequences);

/// <summary>The user tower in training: its optimizer, its loss and its place in the schedule.</summary>
public sealed class RetrieverTrainer : IDisposable
{
    private readonly DataSplit _split;
    private readonly TrainRetrieverOptions _options;
    private readonly long _seed;
    private readonly IRetrieverLoss _loss;
    private readonly AdamW _optimizer;
    private readonly LearningRateSchedule _schedule;
    private readonly int _stepsPerEpoch;

    public RetrieverTrainer(UserTower tower, DataSplit split, TrainRetrieverOptions options, long seed, IRetrieverLoss loss, LossTemperature temperature)
    {
        ArgumentNullException.ThrowIfNull(tower);
        ArgumentNullException.ThrowIfNull(options);
        Tower = tower;
        Tower.UseReducedPrecision(Precision.IsReduced(options.ReducedPrecision, tower.Device));
        _split = split;
        _options = options;
        _seed = seed;
        _loss = loss;
        Temperature = temperature;
        _optimizer = optim.AdamW([.. tower.parameters(), .. temperature.LogInverse is { } learned ? [learned] : Array.Empty<Parameter>()], options.LearningRate, options.Beta1, options.Beta2, weight_decay: options.WeightDecay);
        int windows = EpochPlan.Windows(split, options.MaxLength, options.Window, new Random(0)).Length;
        _stepsPerEpoch = (windows + options.BatchUsers - 1) / options.BatchUsers;
        _schedule = new LearningRateSchedule(options.LearningRate, options.WarmupSteps, options.Decay, (long)_stepsPerEpoch * options.Epochs);
    }

    public UserTower Tower { get; }

    public AdamW Optimizer => _optimizer;

    public LossTemperature Temperature { get; }

    /// <summary>Learning rate at the start of an epoch (1-based).</summary>
    public double LearningRateAt(int epoch) => _schedule.At((long)(epoch - 1) * _stepsPerEpoch);

    /// <summary>
    /// Trains one epoch. Its randomness (order, windows, dropout) comes from the seed and its number alone, so
    /// that a resumed training goes on exactly as the broken-off one would have.
    /// </summary>
    /// <param name="epoch">1-based.</param>
    /// <param name="onStep">Told after each step: steps done, steps in the epoch, the step's loss.</param>
    /// <param name="cancellation">Looked at before each step.</param>
    public EpochResult TrainEpoch(int epoch, Action<int, int, double> onStep, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(onStep);
        var watch = Stopwatch.StartNew();
        var random = new Random(unchecked((int)(_seed * 1_000_003 + epoch)));
        Tower.Noise = new DropoutNoise(random.NextInt64());
        manual_seed(random.NextInt64());
        SequenceWindow[] plan = EpochPlan.Windows(_split, _options.MaxLength, _options.Window, random);
        Tower.train();
        double sum = 0;
        long positions = 0;
        for (int step = 0; step < _stepsPerEpoch; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            int start = step * _options.BatchUsers;
            ReadOnlySpan<SequenceWindow> windows = plan.AsSpan(start, Math.Min(_options.BatchUsers, plan.Length - start));
            using SequenceBatch batch = SequenceBatch.Create(windows, _split, Tower.Model.TimeBias, Tower.Device, _options.IdDropout, random);
            SetLearningRate(_schedule.At((long)(epoch - 1) * _stepsPerEpoch + step));
            double loss = Step(batch);
            sum += loss * batch.Targets.shape[0];
            positions += batch.Targets.shape[0];
            onStep(step + 1, _stepsPerEpoch, loss);
        }

        return new EpochResult(epoch, sum / Math.Max(1, positions), watch.Elapsed.TotalSeconds, plan.Length);
    }

    public void Dispose() => _optimizer.Dispose();

    private double Step(SequenceBatch batch)
    {
        using var scope = NewDisposeScope();
        _optimizer.zero_grad();
        Tensor users = Tower.Project(Tower.Hidden(batch.Pack)); // [P, D]
        Tensor items = Tower.ItemEmbeddings(); // [V, D]
        double loss = _loss.Backward(users, items, batch.Targets);
        if (_options.GradientNorm > 0)
        {
            nn.utils.clip_grad_norm_(Tower.parameters(), _options.GradientNorm);
        }

        _optimizer.step();
        return loss;
    }

    private void SetLearningRate(double rate)
    {
        foreach (optim.ILearningRateController group in _optimizer.ParamGroups)
        {
            group.LearningRate = rate;
        }
    }
}
