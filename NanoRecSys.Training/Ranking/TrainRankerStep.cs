using System.Diagnostics;
using NanoRecSys.Core.Features;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>What came of a training.</summary>
/// <param name="Epochs">Epochs trained.</param>
/// <param name="BestEpoch">The one whose weights were kept.</param>
/// <param name="Auc">On validation, of the kept weights.</param>
/// <param name="RetrieverWeight">Weight of the cosine beside the logit.</param>
/// <param name="Seconds">Wall time.</param>
public sealed record TrainRankerSummary(int Epochs, int BestEpoch, double Auc, double RetrieverWeight, double Seconds);

/// <summary>Trains the second stage on the mined candidates and weighs it against the first.</summary>
public static class TrainRankerStep
{
    /// <exception cref="UserErrorException">A step before it has not run.</exception>
    public static async Task<TrainRankerSummary> RunAsync(TrainRankerOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        if (!File.Exists(context.Workspace.NegativesFile))
        {
            throw new UserErrorException($"There is no {context.Workspace.NegativesFile}. Run 'mine-negatives' first, with the same --data and --artifacts.");
        }

        MinedCandidate[] mined = await NegativesFile.ReadAsync(context.Workspace.NegativesFile, context.Cancellation);
        using UserTower tower = RetrieverFiles.Read(context.Workspace.RetrieverFolder);
        set_num_threads(context.Threads);
        return Train(mined, data, tower, options, context);
    }

    private static TrainRankerSummary Train(MinedCandidate[] mined, PreparedData data, UserTower tower, TrainRankerOptions options, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        manual_seed(context.Seed);
        using var scope = NewDisposeScope();
        using var encoder = new UserEncoder(tower);
        var features = new ItemFeatures(data.Catalog, ItemFeatures.Vocabulary(data.Catalog));
        var model = new RankerModel(tower.Model.Dimension, options.Hidden, features.Genres, options.Dropout, RetrieverWeight: 0);
        using var network = new RankerNetwork(model);
        using var items = new ItemFeatureTensors(encoder.ItemEmbeddings.clone(), features);
        var prefixes = new PrefixEncoder(tower);
        using RankerExamples train = RankerExamples.Create([.. mined.Where(candidate => !candidate.IsValidation)], data.Split, prefixes);
        using RankerExamples validation = RankerExamples.Create([.. mined.Where(candidate => candidate.IsValidation)], data.Split, prefixes);
        using var trainer = new RankerTrainer(network, items, options, context.Seed);
        string folder = context.Workspace.RankerFolder;
        (int epoch, int bestEpoch, double bestAuc) = (0, 0, double.NegativeInfinity);
        while (epoch < options.Epochs && epoch - bestEpoch < options.Patience)
        {
            int current = ++epoch;
            double loss = trainer.TrainEpoch(train, epoch, (done, stepLoss) => context.Progress.Report(new StepProgress
            {
                Fraction = (current - 1 + done) / options.Epochs,
                Epoch = current,
                Loss = stepLoss,
            }), context.Cancellation);
            double auc = trainer.Evaluate(validation);
            if (auc > bestAuc)
            {
                (bestEpoch, bestAuc) = (epoch, auc);
                RankerFiles.Write(folder, network, model);
            }

            context.Progress.Report(new StepProgress
            {
                Fraction = (double)epoch / options.Epochs,
                Epoch = epoch,
                Loss = loss,
                Metrics = new Dictionary<string, double> { ["auc"] = auc },
            });
        }

        using RankerNetwork best = RankerFiles.Read(folder);
        using var batches = new BatchEncoder(tower);
        double weight = Weigh(best, new CandidateRanker(batches, best, items, options.Candidates), data.Split, options, context);
        return new TrainRankerSummary(epoch, bestEpoch, bestAuc, weight, watch.Elapsed.TotalSeconds);
    }

    private static double Weigh(RankerNetwork network, CandidateRanker ranker, DataSplit split, TrainRankerOptions options, StepContext context)
    {
        RetrieverWeightChoice choice = RetrieverWeightChoice.Make(ranker, split, options.RetrieverWeights, context.Cancellation);

        // The same for all candidates, so the order stays; but the sigmoid of a large sum would be 1 for all of them.
        using (var noGradient = no_grad())
        {
            network.OutputBias.sub_(choice.Weight * choice.MeanCosine);
        }

        RankerFiles.Write(context.Workspace.RankerFolder, network, network.Model with { RetrieverWeight = choice.Weight });
        string tried = string.Join(", ", choice.Ndcg.Select(point => $"{point.Weight:0.###}: {point.Ndcg:F4}"));
        context.Progress.Report(new StepProgress
        {
            Fraction = 1,
            Message = $"Weight of the retriever's cosine: {choice.Weight:0.###} (NDCG@10 on validation by weight: {tried})",
        });
        return choice.Weight;
    }
}
