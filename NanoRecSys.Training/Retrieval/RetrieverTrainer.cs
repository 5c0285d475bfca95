using System.Diagnostics;
using System.Runtime.InteropServices;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Models.Attention;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>What one epoch came to.</summary>
/// <param name="Epoch">1-based.</param>
/// <param name="Loss">Mean over the epoch's positions, in nats.</param>
/// <param name="Seconds">Of training, validation not counted.</param>
/// <param name="Sequences">Windows trained on.</param>
public sealed record EpochResult(int Epoch, double Loss, double Seconds, int Sequences);

/// <summary>How far an epoch is.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Of the whole epoch.</param>
/// <param name="Loss">Of that step, in nats.</param>
/// <param name="SequencesPerSecond">Since the epoch began.</param>
public sealed record StepResult(int Step, int Steps, double Loss, double SequencesPerSecond);

/// <summary>The user tower in training: its optimizer, its loss and its place in the schedule.</summary>
public sealed class RetrieverTrainer : IDisposable
{
    private readonly DataSplit _split;
    private readonly TrainRetrieverOptions _options;
    private readonly long _seed;
    private readonly IRetrieverLoss _loss;
    private readonly Parameter[] _parameters;
    private readonly AdamW _optimizer;
    private readonly LearningRateSchedule _schedule;
    private readonly int _stepsPerEpoch;
    private readonly TowerReplicas? _replicas;

    public RetrieverTrainer(UserTower tower, DataSplit split, TrainRetrieverOptions options, long seed, IRetrieverLoss loss)
    {
        ArgumentNullException.ThrowIfNull(tower);
        ArgumentNullException.ThrowIfNull(options);
        Tower = tower;
        IsReduced = Precision.IsReduced(options.ReducedPrecision, tower.Device);
        int parts = Math.Min(get_num_threads(), options.BatchUsers);
        _replicas = loss.IsSeparable && parts > 1 && PackedAttention.HasKernel(tower.Device) ? new TowerReplicas(tower, parts) : null;
        _split = split;
        _options = options;
        _seed = seed;
        _loss = loss;
        _parameters = [.. tower.parameters()];
        _optimizer = optim.AdamW(_parameters, options.LearningRate, options.Beta1, options.Beta2, weight_decay: options.WeightDecay);
        int windows = EpochPlan.Windows(split, options.MaxLength, options.Window, new Random(0)).Length;
        _stepsPerEpoch = (windows + options.BatchUsers - 1) / options.BatchUsers;
        _schedule = new LearningRateSchedule(options.LearningRate, options.WarmupSteps, options.Decay, (long)_stepsPerEpoch * options.Epochs);
    }

    public UserTower Tower { get; }

    /// <summary>Whether it multiplies in bfloat16.</summary>
    public bool IsReduced { get; }

    public AdamW Optimizer => _optimizer;

    /// <summary>Learning rate at the start of an epoch (1-based).</summary>
    public double LearningRateAt(int epoch) => _schedule.At((long)(epoch - 1) * _stepsPerEpoch);

    /// <summary>
    /// Trains one epoch. Its randomness (order, windows, dropout) comes from the seed and its number alone, so
    /// that a resumed training goes on exactly as the broken-off one would have.
    /// </summary>
    /// <param name="epoch">1-based.</param>
    /// <param name="onStep">Told after each step.</param>
    /// <param name="cancellation">Looked at before each step.</param>
    public EpochResult TrainEpoch(int epoch, Action<StepResult> onStep, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(onStep);
        var watch = Stopwatch.StartNew();
        var random = new Random(unchecked((int)(_seed * 1_000_003 + epoch)));
        BeginEpoch(random.NextInt64());
        manual_seed(random.NextInt64());
        SequenceWindow[] plan = EpochPlan.Windows(_split, _options.MaxLength, _options.Window, random);
        int threads = get_num_threads(); // replicas change it for the thread that they begin on
        try
        {
            (double loss, long positions) = TrainSteps(epoch, plan, watch, onStep, cancellation);
            return new EpochResult(epoch, loss / Math.Max(1, positions), watch.Elapsed.TotalSeconds, plan.Length);
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    /// <returns>The loss summed over the positions, and how many these are.</returns>
    private (double Loss, long Positions) TrainSteps(
        int epoch, SequenceWindow[] plan, Stopwatch watch, Action<StepResult> onStep, CancellationToken cancellation)
    {
        double sum = 0;
        long positions = 0;
        for (int step = 0; step < _stepsPerEpoch; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            int start = step * _options.BatchUsers;
            ReadOnlySpan<SequenceWindow> windows = plan.AsSpan(start, Math.Min(_options.BatchUsers, plan.Length - start));
            SetLearningRate(_schedule.At((long)(epoch - 1) * _stepsPerEpoch + step));
            SequenceBatch[] parts = Divide(windows);
            double loss = Step(parts);
            long trained = parts.Sum(part => part.Targets.shape[0]);
            sum += loss * trained;
            positions += trained;
            Array.ForEach(parts, part => part.Dispose());
            onStep(new StepResult(step + 1, _stepsPerEpoch, loss, (start + windows.Length) / watch.Elapsed.TotalSeconds));
        }

        return (sum, positions);
    }

    public void Dispose()
    {
        _replicas?.Dispose();
        _optimizer.Dispose();
    }

    /// <summary>Adds the gradients of a batch's mean loss to a tower's parameters.</summary>
    /// <returns>The loss, in nats.</returns>
    internal static double Backward(UserTower tower, SequenceBatch batch, IRetrieverLoss loss)
    {
        using var scope = NewDisposeScope();
        Tensor users = tower.Project(tower.Hidden(batch.Pack)); // [P, D]
        return loss.Backward(users.slice(0, 0, batch.Targets.shape[0], 1), tower.ItemEmbeddings(), batch.Targets);
    }

    private void BeginEpoch(long noiseSeed)
    {
        if (_replicas is not null)
        {
            _replicas.BeginEpoch(noiseSeed, IsReduced);
            return;
        }

        Tower.Noise = new DropoutNoise(noiseSeed);
        Tower.UseReducedPrecision(IsReduced);
        Tower.train();
    }

    /// <summary>One batch, or one for each replica with about as many positions as the others.</summary>
    private SequenceBatch[] Divide(ReadOnlySpan<SequenceWindow> windows)
    {
        var parts = new List<SequenceWindow>[Math.Min(_replicas?.Count ?? 1, windows.Length)];
        int[] positions = new int[parts.Length];
        foreach (SequenceWindow window in windows)
        {
            int least = Array.IndexOf(positions, positions.Min());
            (parts[least] ??= []).Add(window);
            positions[least] += window.Count;
        }

        return [.. parts.Select(part => SequenceBatch.Create(
            CollectionsMarshal.AsSpan(part), _split, Tower.Model.TimeBias, Tower.Device, IsReduced ? Precision.RowMultiple : 1))];
    }

    private double Step(SequenceBatch[] parts)
    {
        using var scope = NewDisposeScope();
        _optimizer.zero_grad();
        double loss = _replicas is null ? Backward(Tower, parts[0], _loss) : _replicas.Backward(parts, _loss);
        if (_options.GradientNorm > 0)
        {
            nn.utils.clip_grad_norm_(_parameters, _options.GradientNorm);
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
