using System.Security.Cryptography;
using System.Text.Json;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Ranking;

/// <summary>How far a ranker's training has come.</summary>
/// <param name="Options">It goes on only with the same.</param>
/// <param name="Seed">And with the same seed.</param>
/// <param name="Epoch">Last finished epoch.</param>
/// <param name="BestEpoch">Epoch of the weights that are kept; 0 before the first.</param>
/// <param name="BestNdcg">Their NDCG@10 on validation, by the logit alone.</param>
/// <param name="Curve">One entry per finished epoch.</param>
public sealed record RankerTrainingState(
    TrainRankerOptions Options, long Seed, int Epoch, int BestEpoch, double BestNdcg, IReadOnlyList<CurvePoint> Curve)
{
    /// <summary>What the ranker is trained from; null in checkpoints of earlier versions.</summary>
    public RankerSources? Sources { get; init; }
}

/// <summary>What a ranker is trained from: SHA-256 of each file, lower-case hex.</summary>
/// <param name="Retriever">The retriever's weights.</param>
/// <param name="Negatives">Mined negatives of the training positions.</param>
/// <param name="ValidationNegatives">Mined negatives of the validation positions.</param>
public sealed record RankerSources(string Retriever, string Negatives, string ValidationNegatives)
{
    /// <exception cref="FileNotFoundException">One of them is missing.</exception>
    public static RankerSources Of(Workspace workspace)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        return new RankerSources(
            HashOf(Path.Combine(workspace.RetrieverFolder, RetrieverFiles.WeightsName)), HashOf(workspace.NegativesFile), HashOf(workspace.ValidationNegativesFile));
    }

    private static string HashOf(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}

/// <summary>Weights, optimizer and state after the last finished epoch; an epoch's randomness follows from seed and number.</summary>
/// <param name="rankerFolder">Its parent folder.</param>
/// <param name="sources">Of the current training.</param>
internal sealed class RankerCheckpoint(string rankerFolder, RankerSources sources)
{
    private const string StateName = "state.json";
    private const string OptimizerName = "optimizer.bin";

    private readonly string _folder = Path.Combine(rankerFolder, "checkpoint");
    private readonly string _fresh = Path.Combine(rankerFolder, "checkpoint.new");

    public void Save(RankerNetwork network, RankerTrainer trainer, RankerTrainingState state)
    {
        FolderSwap.DeleteIfThere(_fresh);
        RankerFiles.Write(_fresh, network, network.Model);
        trainer.Optimizer.save_state_dict(Path.Combine(_fresh, OptimizerName));
        FolderSwap.WriteLast(_fresh, StateName, JsonSerializer.SerializeToUtf8Bytes(state with { Sources = sources }, TrainingJson.Default.RankerTrainingState));
        FolderSwap.Replace(_folder, _fresh);
    }

    /// <exception cref="UserErrorException">There is none, or it is of other options, another retriever or other negatives.</exception>
    public RankerTrainingState Restore(RankerNetwork network, RankerTrainer trainer, TrainRankerOptions options, long seed)
    {
        FolderSwap.Complete(_folder, _fresh, StateName);
        string path = Path.Combine(_folder, StateName);
        if (!File.Exists(path))
        {
            throw new UserErrorException($"There is no checkpoint in {_folder}. Run 'train-ranker' without --resume.");
        }

        RankerTrainingState state = JsonSerializer.Deserialize(File.ReadAllBytes(path), TrainingJson.Default.RankerTrainingState)!;
        if (!AreAlike(state.Options, options) || state.Seed != seed)
        {
            throw new UserErrorException(
                $"The checkpoint in {_folder} is of a training with other options or another seed ({state.Seed}). Give the same ones, or train without --resume.");
        }

        if (state.Sources is not { } trained)
        {
            throw new UserErrorException($"The checkpoint in {_folder} does not record its retriever and negatives: an earlier version wrote it. Train without --resume.");
        }

        if (trained.Retriever != sources.Retriever)
        {
            throw new UserErrorException($"The checkpoint in {_folder} was made with another retriever. Train without --resume.");
        }

        if (trained != sources)
        {
            throw new UserErrorException($"The checkpoint in {_folder} was made with other negatives: they have been mined again since. Train without --resume.");
        }

        NetworkWeights.Load(network, SafetensorsFile.Read(Path.Combine(_folder, RankerFiles.WeightsName)));
        trainer.Optimizer.load_state_dict(Path.Combine(_folder, OptimizerName));
        return state;
    }

    // By their JSON: records with lists in them are never equal. What only says when to stop may change.
    private static bool AreAlike(TrainRankerOptions a, TrainRankerOptions b) => Text(a) == Text(b);

    private static string Text(TrainRankerOptions options) => JsonSerializer.Serialize(
        options with { Resume = false, Epochs = 0, Patience = 0 }, TrainingJson.Default.TrainRankerOptions);
}
