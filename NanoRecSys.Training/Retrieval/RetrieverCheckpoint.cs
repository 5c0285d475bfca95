using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Retrieval;

/// <summary>How far a training has come.</summary>
/// <param name="Options">It goes on only with the same.</param>
/// <param name="Seed">And with the same seed.</param>
/// <param name="Epoch">Last finished epoch.</param>
/// <param name="BestEpoch">Epoch of the weights that are kept; 0 before the first validation.</param>
/// <param name="BestNdcg">NDCG@10 on validation of these.</param>
/// <param name="Curve">One entry per finished epoch.</param>
internal sealed record TrainingState(
    TrainRetrieverOptions Options, long Seed, int Epoch, int BestEpoch, double BestNdcg, IReadOnlyList<CurvePoint> Curve)
{
    /// <summary>What it trains on; null in checkpoints that did not tell yet.</summary>
    public DatasetSummary? Data { get; init; }

    /// <summary>Whether its products were in bfloat16; null in checkpoints that did not tell yet.</summary>
    public bool? IsReduced { get; init; }

    /// <summary>That the steps are divided among; 0 in checkpoints that did not tell yet.</summary>
    public int Threads { get; init; }
}

/// <param name="Epoch">1-based.</param>
/// <param name="Loss">Mean training loss of the epoch, in nats.</param>
/// <param name="Metrics">On validation, in epochs that were validated.</param>
internal sealed record CurvePoint(int Epoch, double Loss, IReadOnlyDictionary<string, double>? Metrics = null)
{
    /// <summary>At the epoch's start.</summary>
    public double LearningRate { get; init; }

    /// <summary>Of the training alone, without validation.</summary>
    public double Seconds { get; init; }

    public double SequencesPerSecond { get; init; }

    /// <summary>Of the whole process, at the epoch's end.</summary>
    [JsonPropertyName("memory_mib")]
    public double MemoryMiB { get; init; }
}

/// <summary>
/// Weights, optimizer and state after the last finished epoch. No random state: an epoch's randomness follows
/// from the seed and its number.
/// </summary>
/// <param name="retrieverFolder">Where it lies.</param>
/// <param name="data">What is trained on.</param>
/// <param name="threads">That steps are divided among: by it the sums of a step are rounded.</param>
internal sealed class RetrieverCheckpoint(string retrieverFolder, DatasetSummary data, int threads)
{
    private const string StateName = "state.json";
    private const string OptimizerName = "optimizer.bin";

    private readonly string _folder = Path.Combine(retrieverFolder, "checkpoint");
    private readonly string _fresh = Path.Combine(retrieverFolder, "checkpoint.new");

    public void Save(RetrieverTrainer trainer, TrainingState state)
    {
        FolderSwap.DeleteIfThere(_fresh);
        Directory.CreateDirectory(_fresh);
        SafetensorsFile.Write(Path.Combine(_fresh, RetrieverFiles.WeightsName), NetworkWeights.Of(trainer.Tower));
        trainer.Optimizer.save_state_dict(Path.Combine(_fresh, OptimizerName));
        TrainingState whole = state with { Data = data, Threads = threads, IsReduced = trainer.IsReduced };
        FolderSwap.WriteLast(_fresh, StateName, JsonSerializer.SerializeToUtf8Bytes(whole, TrainingJson.Default.TrainingState));
        FolderSwap.Replace(_folder, _fresh);
    }

    /// <exception cref="UserErrorException">There is none, or it is of other options.</exception>
    public TrainingState Restore(RetrieverTrainer trainer, TrainRetrieverOptions options, long seed)
    {
        FolderSwap.Complete(_folder, _fresh, StateName);
        string statePath = Path.Combine(_folder, StateName);
        if (!File.Exists(statePath))
        {
            throw new UserErrorException($"There is no checkpoint in {_folder}. Run 'train-retriever' without --resume.");
        }

        byte[] written = File.ReadAllBytes(statePath);
        if (RemovedSetting(written) is { } removed)
        {
            throw new UserErrorException($"The checkpoint in {_folder} is of a training with {removed}, which this release no longer has. Train without --resume.");
        }

        TrainingState state = JsonSerializer.Deserialize(written, TrainingJson.Default.TrainingState)!;
        if (WithoutLimits(state.Options) != WithoutLimits(options) || state.Seed != seed)
        {
            throw new UserErrorException(
                $"The checkpoint in {_folder} is of a training with other options or another seed ({state.Seed}). Give the same ones, or train without --resume.");
        }

        if (state.Data is { } trained && trained with { Source = data.Source } != data)
        {
            throw new UserErrorException($"The checkpoint in {_folder} is of a training on other data: it was prepared anew since. Train without --resume.");
        }

        if (state.Threads != threads && state.Threads != 0)
        {
            throw new UserErrorException($"The checkpoint in {_folder} is of a training with --threads {state.Threads}; only with as many its curve goes on exactly. Give the same number, or train without --resume.");
        }

        bool isReduced = state.IsReduced ?? state.Options.ReducedPrecision ?? trainer.IsReduced;
        if (isReduced != trainer.IsReduced)
        {
            throw new UserErrorException($"The checkpoint in {_folder} is of a training in {(isReduced ? "bfloat16" : "fp32")}; here it would go on in the other. Give --precision {(isReduced ? "bf16" : "fp32")}, or train without --resume.");
        }

        NetworkWeights.Load(trainer.Tower, SafetensorsFile.Read(Path.Combine(_folder, RetrieverFiles.WeightsName)));
        trainer.Optimizer.load_state_dict(Path.Combine(_folder, OptimizerName));
        return state;
    }

    // What earlier releases could train with. The options as they are now would not show it, or could not be read.
    private static string? RemovedSetting(byte[] state)
    {
        JsonNode? options = JsonNode.Parse(state)?["options"];
        (string Name, bool IsSet)[] removed =
        [
            ("--block hstu", (string?)options?["block"] == "hstu"),
            ("--positions absolute", (string?)options?["positions"] == "absolute"),
            ("--window sliding", (string?)options?["window"] == "sliding"),
            ("--learn-temperature", (bool?)options?["learn_temperature"] == true),
            ("--id-dropout", (double?)options?["id_dropout"] > 0),
        ];
        return removed.FirstOrDefault(setting => setting.IsSet).Name;
    }

    // What only says when to stop may change from one attempt to the next; the precision is told by what it came to.
    private static TrainRetrieverOptions WithoutLimits(TrainRetrieverOptions options) =>
        options with { Resume = false, MaxSeconds = 0, Patience = 0, ValidateEvery = 1, ReducedPrecision = null };
}
