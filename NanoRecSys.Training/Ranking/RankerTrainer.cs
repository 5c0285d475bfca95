using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>How well a ranker tells what came from what did not, apart for the two kinds of negatives.</summary>
/// <param name="Hard">AUC over positives and hard negatives.</param>
/// <param name="Random">AUC over positives and random negatives.</param>
public readonly record struct RankerAuc(double Hard, double Random);

/// <summary>The ranker in training, over lists of mined candidates.</summary>
public sealed class RankerTrainer : IDisposable
{
    private readonly RankerNetwork _network;
    private readonly ItemFeatureTensors _items;
    private readonly TrainRankerOptions _options;
    private readonly AdamW _optimizer;

    public RankerTrainer(RankerNetwork network, ItemFeatureTensors items, TrainRankerOptions options)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(options);
        (_network, _items, _options) = (network, items, options);
        _optimizer = optim.AdamW(network.parameters(), options.LearningRate, weight_decay: options.WeightDecay);
    }

    internal AdamW Optimizer => _optimizer;

    /// <summary>One pass over the positions in a new order, which torch's seed decides.</summary>
    /// <param name="examples">To train on.</param>
    /// <param name="onStep">Told the share of the positions that is done and the step's loss.</param>
    /// <param name="cancellation">Looked at before each step.</param>
    /// <returns>Mean loss.</returns>
    public double Train(RankerExamples examples, Action<double, double> onStep, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentNullException.ThrowIfNull(onStep);
        _network.train();
        using Tensor order = randperm(examples.Positions, int64);
        long step = Math.Max(1, _options.BatchPairs / examples.Candidates);
        double sum = 0;
        for (long done = 0; done < examples.Positions; done += step)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            long end = Math.Min(done + step, examples.Positions);
            double loss = Step(examples.Select(order.slice(0, done, end, 1)));
            sum += loss * (end - done);
            onStep((double)end / examples.Positions, loss);
        }

        return sum / examples.Positions;
    }

    public RankerAuc Evaluate(RankerExamples examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        _network.eval();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor order = arange(examples.Positions, int64);
        long step = Math.Max(1, CandidateRanker.PairsPerPass / examples.Candidates);
        var chunks = new List<Tensor>();
        for (long start = 0; start < examples.Positions; start += step)
        {
            using var chunkScope = NewDisposeScope();
            RankerExamples chunk = examples.Select(order.slice(0, start, Math.Min(start + step, examples.Positions), 1));
            chunks.Add(Logits(chunk, itemDropout: 0).MoveToOuterDisposeScope());
        }

        Tensor logits = cat(chunks); // [P, C]
        return new RankerAuc(AucAmong(CandidateKind.Hard), AucAmong(CandidateKind.Random));

        double AucAmong(CandidateKind negatives)
        {
            Tensor counted = examples.Kinds.eq((long)CandidateKind.Positive).logical_or(examples.Kinds.eq((long)negatives));
            float[] scores = logits.masked_select(counted).data<float>().ToArray();
            return Auc.Of(scores, Array.ConvertAll(examples.Kinds.masked_select(counted).data<long>().ToArray(), kind => kind == (long)CandidateKind.Positive));
        }
    }

    public void Dispose() => _optimizer.Dispose();

    private double Step(RankerExamples batch)
    {
        _optimizer.zero_grad();
        Tensor loss = RankerLoss.Of(_options.Loss, Logits(batch, _options.ItemDropout), batch.Items.ge(0));
        loss.backward();
        _optimizer.step();
        return loss.item<float>();
    }

    /// <returns>[P, C]; 0 where a list is shorter.</returns>
    private Tensor Logits(RankerExamples batch, double itemDropout)
    {
        Tensor isThere = batch.Items.ge(0); // [P, C]
        Tensor places = isThere.reshape(-1).nonzero().squeeze(1); // [N]
        Tensor rows = batch.Items.reshape(-1).index_select(0, places); // [N]
        Tensor users = batch.Users.index_select(0, places.div(batch.Candidates, RoundingMode.floor)); // [N, D]
        Tensor? signals = batch.Signals?.reshape(-1, batch.Signals.shape[2]).index_select(0, places); // [N, S]
        Tensor unknown = itemDropout > 0 ? rand(rows.shape[0], 1).lt(itemDropout).to(float32) : zeros(rows.shape[0], 1);
        Tensor logits = _network.forward(_items.Gather(users, rows, unknown, signals)); // [N]
        return zeros(isThere.numel()).scatter(0, places, logits).reshape(isThere.shape);
    }
}
