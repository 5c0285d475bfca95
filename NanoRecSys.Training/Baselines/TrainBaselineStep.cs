using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;
using TorchSharp;

namespace NanoRecSys.Training.Baselines;

/// <summary>What is trained for comparison: one of the two.</summary>
internal sealed record TrainBaselineOptions
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
internal sealed record TrainBaselineSummary(string Model, int Epochs, int BestEpoch, double Seconds, IReadOnlyDictionary<string, double> Validation);

/// <summary>Trains a baseline and keeps the weights that are best on validation.</summary>
internal static class TrainBaselineStep
{
    private const string SelectionMetric = "ndcg@10";

    /// <exception cref="UserErrorException">No prepared data.</exception>
    public static async Task<TrainBaselineSummary> RunAsync(TrainBaselineOptions options, StepContext context)
    {
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

/// <summary>A baseline in training.</summary>
internal interface IBaselineTrainer : IDisposable
{
    /// <summary>Epochs at most.</summary>
    int Epochs { get; }

    /// <summary>Epochs without a better validation before the training ends.</summary>
    int Patience { get; }

    /// <param name="epoch">1-based.</param>
    /// <param name="progress">Told the share of the epoch that is done, 0..1.</param>
    /// <param name="cancellation">Looked at often.</param>
    /// <returns>Mean loss, where it is known.</returns>
    double? TrainEpoch(int epoch, Action<double> progress, CancellationToken cancellation);

    /// <summary>The model as it is now, for as long as it is not trained on; the caller disposes it, where that is disposable.</summary>
    IScorer Open();

    /// <summary>Writes the model as it is now.</summary>
    void Save(string folder);
}

/// <summary>A trained baseline on disk: <c>model.json</c> holds its options, <c>weights.safetensors</c> what it learnt.</summary>
internal static class BaselineFiles
{
    public const string OptionsName = "model.json";
    public const string WeightsName = "weights.safetensors";
    private const string ItemFactors = "item_factors"; // [V, D]
    private const string ItemTable = "embedding.weight"; // [V, D]

    /// <summary>Whether a baseline of this name was trained.</summary>
    public static bool Exist(Workspace workspace, string model) => File.Exists(Path.Combine(FolderOf(workspace, model), OptionsName));

    public static string FolderOf(Workspace workspace, string model)
    {
        return Path.Combine(workspace.BaselinesFolder, model);
    }

    /// <param name="folder">Of the model.</param>
    /// <param name="options">Of its training.</param>
    /// <param name="items">[V, D]</param>
    public static void Write(string folder, MatrixFactorizationOptions options, float[] items)
    {
        long[] shape = [items.Length / options.Dimension, options.Dimension];
        Write(folder, options, TrainingJson.Default.MatrixFactorizationOptions, [new NamedTensor(ItemFactors, shape, items)]);
    }

    /// <param name="folder">Of the model.</param>
    /// <param name="options">Of its training.</param>
    /// <param name="tower">Its weights are written.</param>
    public static void Write(string folder, MlpUserTowerOptions options, MlpUserTower tower) =>
        Write(folder, options, TrainingJson.Default.MlpUserTowerOptions, NetworkWeights.Of(tower));

    /// <returns>A model that the caller disposes.</returns>
    /// <exception cref="UserErrorException">It was not trained here, was trained on other data, or its files are damaged.</exception>
    public static MatrixFactorization ReadMatrixFactorization(string folder, int items, int threads) =>
        Read(folder, MatrixFactorization.ModelName, TrainingJson.Default.MatrixFactorizationOptions, (options, weights) =>
        {
            NamedTensor factors = weights[ItemFactors];
            RequireItems(factors, items);
            return new MatrixFactorization(options, factors.Values, threads);
        });

    /// <inheritdoc cref="ReadMatrixFactorization"/>
    public static MlpUserTowerScorer ReadMlpUserTower(string folder, int items) =>
        Read(folder, MlpUserTowerScorer.ModelName, TrainingJson.Default.MlpUserTowerOptions, (options, weights) =>
        {
            RequireItems(weights[ItemTable], items);
            var tower = new MlpUserTower(items, options);
            NetworkWeights.Load(tower, weights);
            return new MlpUserTowerScorer(tower, options, isOwner: true);
        });

    private static void Write<T>(string folder, T options, JsonTypeInfo<T> type, IReadOnlyList<NamedTensor> weights)
    {
        Directory.CreateDirectory(folder);
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), weights);
        File.WriteAllBytes(Path.Combine(folder, OptionsName), JsonSerializer.SerializeToUtf8Bytes(options, type));
    }

    private static TModel Read<TOptions, TModel>(
        string folder, string model, JsonTypeInfo<TOptions> type, Func<TOptions, IReadOnlyDictionary<string, NamedTensor>, TModel> open)
    {
        string path = Path.Combine(folder, OptionsName);
        string remedy = $"Run 'train-baseline --model {model}'";
        if (!File.Exists(path))
        {
            throw new UserErrorException($"There is no model in {folder}. {remedy} first, with the same --data and --artifacts.");
        }

        LibTorch.Load();
        try
        {
            return open(JsonSerializer.Deserialize(File.ReadAllBytes(path), type)!, SafetensorsFile.Read(Path.Combine(folder, WeightsName)));
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidDataException or KeyNotFoundException)
        {
            throw new UserErrorException($"The model in {folder} cannot be read ({e.Message}). {remedy} again.", e);
        }
    }

    private static void RequireItems(NamedTensor table, int items)
    {
        if (table.Shape[0] != items)
        {
            throw new InvalidDataException($"it was trained on {table.Shape[0]:N0} items, the prepared data has {items:N0}");
        }
    }
}
