using NanoRecSys.Training.Kernels;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <param name="Loss">Loss of that step, in nats.</param>
internal sealed record StepResult(int Step, int Steps, double Loss, double SequencesPerSecond);

/// <summary>Trains a user tower: its optimizer, its loss and its position in the schedule.</summary>
internal sealed class RetrieverTrainer : IDisposable
{
    /// <summary>Held while initial weights are drawn: torch has one generator, which another member's epoch must not seed meanwhile.</summary>
    public static readonly Lock Generator = new();

    private readonly DataSplit _split;
    private readonly TrainRetrieverOptions _options;
    private readonly long _seed;
    private readonly IRetrieverLoss _loss;
    private readonly Parameter[] _parameters;
    private readonly LearningRateSchedule _schedule;
    private readonly int _stepsPerEpoch;
    private readonly TowerReplicas? _replicas;

    public RetrieverTrainer(UserTower tower, DataSplit split, TrainRetrieverOptions options, long seed, IRetrieverLoss loss)
    {
        Tower = tower;
        IsReduced = Precision.IsReduced(options.ReducedPrecision, tower.Device);
        int parts = Math.Min(get_num_threads(), options.BatchUsers);
        _replicas = loss.IsSeparable && parts > 1 && tower.Operations.AllowsThreads ? new TowerReplicas(tower, parts) : null;
        _split = split;
        _options = options;
        _seed = seed;
        _loss = loss;
        _parameters = [.. tower.parameters()];
        Optimizer = new KeptScalarAdamW(_parameters, options.LearningRate, options.Beta1, options.Beta2, options.WeightDecay);
        int windows = EpochPlan.Windows(split, options.MaxLength, options.Window, new Random(0)).Length;
        _stepsPerEpoch = (windows + options.BatchUsers - 1) / options.BatchUsers;
        _schedule = new LearningRateSchedule(options.LearningRate, options.WarmupSteps, options.Decay, (long)_stepsPerEpoch * options.Epochs);
    }

    public UserTower Tower { get; }
    public bool IsReduced { get; }
    public AdamW Optimizer { get; }

    /// <summary>Learning rate at the start of an epoch (1-based).</summary>
    public double LearningRateAt(int epoch) => _schedule.At((long)(epoch - 1) * _stepsPerEpoch);

    /// <summary>Trains one epoch. Its randomness (order, windows, dropout) depends only on the seed and its number, so that a resumed training continues
    /// exactly as the interrupted one would have.</summary>
    /// <param name="epoch">1-based.</param>
    public CurvePoint TrainEpoch(int epoch, Action<StepResult> onStep, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        var random = new Random(unchecked((int)(_seed * 1_000_003 + epoch)));
        BeginEpoch(random.NextInt64());
        lock (Generator)
        {
            manual_seed(random.NextInt64());
        }

        SequenceWindow[] plan = EpochPlan.Windows(_split, _options.MaxLength, _options.Window, random);
        int threads = get_num_threads(); // replicas change it for the thread they start on
        try
        {
            (double loss, double positions) = TrainSteps(epoch, plan, watch, onStep, cancellation);
            double seconds = watch.Elapsed.TotalSeconds;
            return new CurvePoint(epoch, loss / Math.Max(1, positions))
            {
                LearningRate = LearningRateAt(epoch),
                Seconds = seconds,
                SequencesPerSecond = plan.Length / seconds,
            };
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    private (double Loss, double Positions) TrainSteps(
        int epoch, SequenceWindow[] plan, Stopwatch watch, Action<StepResult> onStep, CancellationToken cancellation)
    {
        double sum = 0;
        double positions = 0;
        for (int step = 0; step < _stepsPerEpoch; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            int start = step * _options.BatchUsers;
            ReadOnlySpan<SequenceWindow> windows = plan.AsSpan(start, Math.Min(_options.BatchUsers, plan.Length - start));
            SetLearningRate(_schedule.At((long)(epoch - 1) * _stepsPerEpoch + step));
            SequenceBatch[] parts = Divide(windows);
            double loss = Step(parts);
            double trained = parts.Sum(part => part.TotalWeight);
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
        Optimizer.Dispose();
    }

    /// <summary>Adds the gradients of a batch's mean loss to a tower's parameters.</summary>
    internal static double Backward(UserTower tower, SequenceBatch batch, IRetrieverLoss loss)
    {
        using var scope = NewDisposeScope();
        Tensor table = tower.ItemTable(); // [V, D]
        Tensor users = tower.Project(tower.Hidden(batch.Pack, table)); // [P, D]
        return loss.Backward(users.slice(0, 0, batch.Targets.shape[0], 1), UserTower.Normalize(table), batch.Targets, batch.Weights);
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

    /// <summary>One batch, or one per replica with about equal numbers of positions.</summary>
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
        Optimizer.zero_grad();
        double loss = _replicas is null ? Backward(Tower, parts[0], _loss) : _replicas.Backward(parts, _loss);
        if (_options.GradientNorm > 0)
        {
            nn.utils.clip_grad_norm_(_parameters, _options.GradientNorm);
        }

        Optimizer.step();
        return loss;
    }

    private void SetLearningRate(double rate)
    {
        foreach (optim.ILearningRateController group in Optimizer.ParamGroups)
        {
            group.LearningRate = rate;
        }
    }
}

/// <summary>A network and copies of it that share a step's sequences, each on its own thread. At our widths, most torch operators are too
/// short to parallelize: eight HSTU blocks of width 64 (since removed) took 244 ms per step with two threads inside them, 260 ms with
/// one.</summary>
/// <remarks>While copies compute, scalars for operators are kept alive in fields or tensors; see <see cref="TensorSums"/>.</remarks>
internal sealed class TowerReplicas : IDisposable
{
    private readonly UserTower[] _towers; // the first one is trained
    private readonly Parameter[][] _parameters; // by tower

    /// <param name="tower">Owned by the caller.</param>
    public TowerReplicas(UserTower tower, int count)
    {
        ModelInfo model = tower.Model;
        _towers = [tower, .. Enumerable.Range(1, count - 1).Select(_ => new UserTower(model, content: tower.Content))];
        _parameters = [.. _towers.Select(each => each.parameters().ToArray())];
    }

    public int Count => _towers.Length;

    public void BeginEpoch(long noiseSeed, bool isReduced)
    {
        for (int i = 0; i < Count; i++)
        {
            _towers[i].Noise = new DropoutNoise(noiseSeed + i);
            _towers[i].UseReducedPrecision(isReduced);
            _towers[i].train();
        }
    }

    /// <summary>Stores the gradients of the step's mean loss in the first tower, and returns the loss.</summary>
    public double Backward(IReadOnlyList<SequenceBatch> parts, IRetrieverLoss loss)
    {
        CopyWeights();
        double total = parts.Sum(part => part.TotalWeight);
        double[] shares = [.. parts.Select(part => part.TotalWeight / total)];
        double[] losses = new double[parts.Count];
        Parallel.For(0, parts.Count, new ParallelOptions { MaxDegreeOfParallelism = Count }, i =>
        {
            set_num_threads(1); // applies to the calling thread
            losses[i] = RetrieverTrainer.Backward(_towers[i], parts[i], loss);
        });
        AddGradients(shares);
        return losses.Zip(shares, (each, share) => each * share).Sum();
    }

    public void Dispose()
    {
        foreach (UserTower replica in _towers.AsSpan(1))
        {
            replica.Dispose();
        }
    }

    private void CopyWeights()
    {
        using var noGradient = no_grad();
        for (int i = 1; i < Count; i++)
        {
            for (int p = 0; p < _parameters[i].Length; p++)
            {
                _parameters[i][p].copy_(_parameters[0][p]);
            }

            _towers[i].zero_grad();
        }
    }

    // In the towers' order, whichever thread finishes first, so that a seed always gives the same weights.
    private void AddGradients(double[] shares)
    {
        using var noGradient = no_grad();
        for (int p = 0; p < _parameters[0].Length; p++)
        {
            using Tensor sum = _parameters[0][p].grad!;
            sum.mul_(shares[0]);
            for (int i = 1; i < shares.Length; i++)
            {
                using Tensor part = _parameters[i][p].grad!;
                sum.add_(part, shares[i]);
            }
        }
    }
}

/// <summary>Linear warm-up, then constant or a cosine down to zero at the last step.</summary>
internal sealed record LearningRateSchedule(double Peak, int WarmupSteps, LearningRateDecay Decay, long TotalSteps)
{
    /// <param name="step">0-based.</param>
    public double At(long step)
    {
        if (step < WarmupSteps)
        {
            return Peak * (step + 1) / WarmupSteps;
        }

        if (Decay == LearningRateDecay.None)
        {
            return Peak;
        }

        double done = Math.Clamp((double)(step - WarmupSteps) / Math.Max(1, TotalSteps - WarmupSteps), 0, 1);
        return Peak * 0.5 * (1 + Math.Cos(Math.PI * done));
    }
}

/// <summary>Assigns windows of users' items to the steps of an epoch.</summary>
internal static class EpochPlan
{
    /// <summary>The windows of an epoch in the order of training; the same seed and epoch give the same plan.</summary>
    public static SequenceWindow[] Windows(DataSplit split, int maxLength, TrainingWindow kind, Random random)
    {
        var windows = new List<SequenceWindow>(split.UserCount);
        for (int user = 0; user < split.UserCount; user++)
        {
            int items = split.Train(user).Length;
            int count = Math.Min(items, maxLength + 1);
            if (count < 2)
            {
                continue; // a single item has no next item
            }

            int last = items - count;
            windows.Add(new SequenceWindow(user, kind == TrainingWindow.Last ? last : random.Next(last + 1), count));
        }

        SequenceWindow[] plan = [.. windows];
        random.Shuffle(plan);
        return plan;
    }
}

/// <summary>A window of one user's training items: <c>[Start, Start + Count)</c>, of which all but the last are inputs.</summary>
internal readonly record struct SequenceWindow(int User, int Start, int Count);

/// <summary>One step's input, and the next item at each of its T positions.</summary>
/// <param name="Targets">[T] int64: row of the next item at each of the pack's first T positions; later positions are padding.</param>
/// <param name="Weights">[T] weight of each target; null if all are 1.</param>
internal sealed record SequenceBatch(SequencePack Pack, Tensor Targets, PositionWeights? Weights) : IDisposable
{
    /// <summary>T, or the sum of the weights.</summary>
    public double TotalWeight => Weights?.Sum ?? Targets.shape[0];

    /// <param name="windows">Windows of at least two items each.</param>
    /// <param name="multiple">The number of positions is a multiple of it; further sequences pad the pack.</param>
    public static SequenceBatch Create(ReadOnlySpan<SequenceWindow> windows, DataSplit split, bool hasTimes, Device device, int multiple = 1)
    {
        int[] offsets = SequencePack.OffsetsOf([.. windows.ToArray().Select(window => window.Count - 1)], multiple);
        int count = offsets[windows.Length]; // T
        var rows = new int[offsets[^1]];
        var targets = new long[count];
        var weights = new float[split.Histories.HasWeights ? count : 0];
        var times = new long[hasTimes ? offsets[^1] : 0]; // of each item
        var asked = new long[times.Length]; // of the next item
        for (int b = 0; b < windows.Length; b++)
        {
            SequenceWindow window = windows[b];
            ReadOnlySpan<int> items = split.Train(window.User).Slice(window.Start, window.Count);
            items[..^1].CopyTo(rows.AsSpan(offsets[b]));
            for (int t = 1; t < items.Length; t++)
            {
                targets[offsets[b] + t - 1] = items[t];
            }

            if (weights.Length > 0)
            {
                split.TrainWeights(window.User).Slice(window.Start + 1, window.Count - 1).CopyTo(weights.AsSpan(offsets[b]));
            }

            if (hasTimes)
            {
                ReadOnlySpan<long> met = split.TrainTimes(window.User).Slice(window.Start, window.Count);
                met[..^1].CopyTo(times.AsSpan(offsets[b]));
                met[1..].CopyTo(asked.AsSpan(offsets[b]));
            }
        }

        return new SequenceBatch(
            new SequencePack(rows, offsets, device, hasTimes ? new TimeBuckets(offsets, times, asked) : null), tensor(targets, device: device),
            weights.Length > 0 ? PositionWeights.Of(weights, device) : null);
    }

    public void Dispose()
    {
        Pack.Dispose();
        Targets.Dispose();
        Weights?.Dispose();
    }
}
