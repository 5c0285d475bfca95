using System.Security.Cryptography;
using System.Text.Json.Serialization;
using TorchSharp;
using TorchSharp.Modules;

namespace NanoRecSys.Training.Pipeline;

/// <summary>State of a training: <c>state.json</c> in its checkpoint, <c>metrics.json</c> next to the model.</summary>
/// <param name="BestEpoch">Epoch of the kept weights; 0 before the first validation.</param>
internal sealed record TrainingState<TOptions>(
    TOptions Options, long Seed, int Epoch, int BestEpoch, double BestNdcg, IReadOnlyList<CurvePoint> Curve)
{
    public const string SelectionMetric = "ndcg@10";

    public static TrainingState<TOptions> Start(TOptions options, long seed) => new(options, seed, 0, 0, -1, []);

    /// <summary>Inputs that a resumed training must share, by name. Null in checkpoints of earlier versions.</summary>
    public IReadOnlyDictionary<string, string>? Inputs { get; init; }

    [JsonIgnore]
    public IReadOnlyDictionary<string, double> Best => Curve[BestEpoch - 1].Metrics!;

    public TrainingState<TOptions> Add(CurvePoint point)
    {
        bool isBetter = point.Metrics is { } metrics && metrics[SelectionMetric] > BestNdcg;
        return this with
        {
            Epoch = point.Epoch,
            BestEpoch = isBetter ? point.Epoch : BestEpoch,
            BestNdcg = isBetter ? point.Metrics![SelectionMetric] : BestNdcg,
            Curve = [.. Curve, point],
        };
    }
}

/// <param name="Epoch">1-based.</param>
/// <param name="Loss">Mean training loss of the epoch, in nats; null if the method has none.</param>
/// <param name="Metrics">Validation metrics, in validated epochs.</param>
internal sealed record CurvePoint(int Epoch, double? Loss, IReadOnlyDictionary<string, double>? Metrics = null)
{
    public double LearningRate { get; init; }
    public double Seconds { get; init; }
    public double SequencesPerSecond { get; init; }

    /// <summary>Memory of the whole process at the end of the epoch.</summary>
    [JsonPropertyName("memory_mib")]
    public double MemoryMiB { get; init; }

    public void RequireFiniteLoss() => UserErrorException.ThrowIf(Loss is { } loss && !double.IsFinite(loss),
        $"Training diverged: the loss became {Loss} in epoch {Epoch}. Lower --learning-rate, or set --gradient-norm if the command has it.");
}

/// <summary>Trains epoch by epoch while validation improves, and keeps the best weights on validation.</summary>
internal sealed class TrainingLoop<TOptions>
{
    public required int Epochs { get; init; }

    /// <summary>Validations without a better NDCG@10 before training stops.</summary>
    public required int Patience { get; init; }

    /// <summary>Epochs between validations. The last epoch is always validated.</summary>
    public int ValidateEvery { get; init; } = 1;

    /// <summary>Time limit; training stops after the epoch that exceeds it.</summary>
    public double MaxSeconds { get; init; } = double.PositiveInfinity;
    public required Func<int, Task<CurvePoint>> Train { get; init; }
    public required Func<IReadOnlyDictionary<string, double>> Validate { get; init; }
    public required Action Keep { get; init; }
    public Action<TrainingState<TOptions>>? Save { get; init; }

    /// <summary>Null if nothing is logged.</summary>
    public TrainingLog? Log { get; init; }

    public async Task<TrainingState<TOptions>> RunAsync(TrainingState<TOptions> state, IProgress<ProgressEvent> progress)
    {
        var watch = Stopwatch.StartNew();
        double resumedAt = (double)state.Epoch / Epochs;
        while (!IsDone(state, watch.Elapsed))
        {
            CurvePoint point = await Train(state.Epoch + 1);
            point.RequireFiniteLoss();
            bool isValidated = point.Epoch % ValidateEvery == 0 || point.Epoch >= Epochs;
            point = point with { Metrics = isValidated ? Validate() : null, MemoryMiB = Environment.WorkingSet / (1024.0 * 1024) };
            state = state.Add(point);
            if (state.BestEpoch == point.Epoch)
            {
                Keep();
            }

            Save?.Invoke(state);
            Log?.Add(state.Curve);
            progress.Report(new ProgressEvent
            {
                Fraction = (double)point.Epoch / Epochs,
                ResumedAt = resumedAt,
                Epoch = point.Epoch,
                Loss = point.Loss,
                LearningRate = Log is null ? null : point.LearningRate,
                SequencesPerSecond = Log?.Labels == TrainingLabels.Retriever ? point.SequencesPerSecond : null,
                Metrics = point.Metrics,
            });
        }

        return state;
    }

    private bool IsDone(TrainingState<TOptions> state, TimeSpan elapsed) =>
        state.BestEpoch > 0
        && (state.Epoch >= Epochs || state.Epoch - state.BestEpoch >= Patience * ValidateEvery || elapsed.TotalSeconds >= MaxSeconds);
}

/// <summary>Weights, optimizer and state after the last finished epoch, and the curve so far as <c>metrics.json</c> next to it. It has no random
/// state: an epoch's randomness follows from the seed and its number.</summary>
internal sealed class Checkpoint<TOptions>(string modelFolder, IReadOnlyDictionary<string, string> inputs)
{
    private const string StateName = "state.json";
    private const string OptimizerName = "optimizer.bin";

    private const string FolderName = "checkpoint";
    private readonly string _folder = Path.Combine(modelFolder, FolderName);

    public static bool Exists(string modelFolder) =>
        Directory.Exists(modelFolder) && Directory.EnumerateDirectories(modelFolder, $"{FolderName}*").Any(); // including an unfinished replacement

    public static void Delete(string modelFolder) => AtomicFolder.DeleteIfExists(Path.Combine(modelFolder, FolderName));

    public void Save(torch.nn.Module network, AdamW optimizer, TrainingState<TOptions> state)
    {
        foreach (string leftover in Unfinished())
        {
            AtomicFolder.DeleteIfExists(leftover);
        }

        string fresh = Directory.CreateDirectory(AtomicFile.NameBeside(_folder)).FullName;
        SafetensorsFile.Write(Path.Combine(fresh, ModelFolder.WeightsName), NetworkWeights.Of(network));
        optimizer.save_state_dict(Path.Combine(fresh, OptimizerName));

        // Last: with it the folder is complete.
        TrainingJson.Write(Path.Combine(fresh, StateName), state with { Inputs = inputs });
        AtomicFolder.Replace(_folder, fresh);
        if (state.Curve[^1].Metrics is not null)
        {
            TrainingJson.Write(Path.Combine(modelFolder, TrainingLog.MetricsName), state);
        }
    }

    /// <summary>The state to continue from: the checkpoint's or the initial one. <paramref name="isInterrupted"/> resumes if possible and starts over
    /// otherwise.</summary>
    /// <exception cref="UserErrorException">With <paramref name="resume"/>: there is no checkpoint, its inputs differ, or it is damaged.</exception>
    public TrainingState<TOptions> Begin(
        TrainingState<TOptions> start, bool resume, bool isInterrupted, torch.nn.Module network, AdamW optimizer, IProgress<ProgressEvent> progress)
    {
        if (!resume && !isInterrupted)
        {
            return start;
        }

        try
        {
            TrainingState<TOptions> state = Restore(network, optimizer);
            progress.Report(new ProgressEvent { Message = $"Continuing after epoch {state.Epoch}." });
            return state;
        }
        catch (UserErrorException e) when (!resume)
        {
            progress.Report(new ProgressEvent { Message = $"Starting over: {e.Message}" });
            return start;
        }
    }

    private TrainingState<TOptions> Restore(torch.nn.Module network, AdamW optimizer)
    {
        if (!Directory.Exists(_folder) && Unfinished()
            .Select(folder => Path.Combine(folder, StateName)).Where(File.Exists).MaxBy(File.GetLastWriteTimeUtc) is { } complete)
        {
            Directory.Move(Path.GetDirectoryName(complete)!, _folder); // the process was killed between the two moves of a replacement
        }

        string path = Path.Combine(_folder, StateName);
        UserErrorException.ThrowIf(!File.Exists(path), $"There is no checkpoint in {_folder}. Train without --resume.");

        try
        {
            TrainingState<TOptions> state = TrainingJson.Read<TrainingState<TOptions>>(path) ?? throw new JsonException($"{StateName} is null");
            if (Difference(state.Inputs) is { } difference)
            {
                throw new UserErrorException($"The checkpoint in {_folder} was written {difference}");
            }

            NetworkWeights.Load(network, SafetensorsFile.Read(Path.Combine(_folder, ModelFolder.WeightsName)));
            optimizer.load_state_dict(Path.Combine(_folder, OptimizerName));
            return state;
        }
        catch (Exception e) when (e is JsonException or IOException or InvalidDataException or ArgumentException)
        {
            throw new UserErrorException($"The checkpoint in {_folder} cannot be read ({e.Message}). Train without --resume.", e);
        }
    }

    public static string Fingerprint(TOptions value) =>
        Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(value, typeof(TOptions), TrainingJson.Default)));

    // Left by a killed training; this process holds the workspace's lock, so none is in use.
    private IEnumerable<string> Unfinished() => Directory.Exists(modelFolder)
        ? Directory.EnumerateDirectories(modelFolder, $"{FolderName}.*{AtomicFile.TemporarySuffix}")
        : [];

    private string? Difference(IReadOnlyDictionary<string, string>? saved)
    {
        if (saved is null)
        {
            return "by an earlier version. Train without --resume.";
        }

        foreach ((string name, string value) in inputs)
        {
            string before = saved.GetValueOrDefault(name, "");
            if (before != value)
            {
                return name.StartsWith("--", StringComparison.Ordinal)
                    ? $"with {name} {before}, not {value}. Set {name} {before}, or train without --resume."
                    : $"with other {name}. Train without --resume.";
            }
        }

        return null;
    }
}
