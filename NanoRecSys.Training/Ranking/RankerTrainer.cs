using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>The ranker in training: binary cross-entropy over mined candidates.</summary>
public sealed class RankerTrainer : IDisposable
{
    private readonly RankerNetwork _network;
    private readonly ItemFeatureTensors _items;
    private readonly TrainRankerOptions _options;
    private readonly long _seed;
    private readonly AdamW _optimizer;

    public RankerTrainer(RankerNetwork network, ItemFeatureTensors items, TrainRankerOptions options, long seed)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(options);
        _network = network;
        _items = items;
        _options = options;
        _seed = seed;
        _optimizer = optim.AdamW(network.parameters(), options.LearningRate, weight_decay: options.WeightDecay);
    }

    /// <summary>One pass over the examples in a new order.</summary>
    /// <param name="examples">To train on.</param>
    /// <param name="epoch">1-based; with the seed it makes the epoch's randomness.</param>
    /// <param name="onStep">Told the share of the epoch that is done and the step's loss.</param>
    /// <param name="cancellation">Looked at before each step.</param>
    /// <returns>Mean loss in nats.</returns>
    public double TrainEpoch(RankerExamples examples, int epoch, Action<double, double> onStep, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentNullException.ThrowIfNull(onStep);
        manual_seed(unchecked(_seed * 1_000_003 + epoch));
        _network.train();
        using Tensor order = randperm(examples.Count, int64);
        double sum = 0;
        long done = 0;

        // Batch norm cannot learn from a single pair, so a last batch of one is left out.
        for (long end; done < examples.Count - 1; done = end)
        {
            cancellation.ThrowIfCancellationRequested();
            end = Math.Min(done + _options.BatchPairs, examples.Count);
            using var scope = NewDisposeScope();
            double loss = Step(examples, order.slice(0, done, end, 1));
            sum += loss * (end - done);
            onStep((double)end / examples.Count, loss);
        }

        return sum / Math.Max(1, done);
    }

    /// <summary>How well the network tells what came from what did not.</summary>
    public double Evaluate(RankerExamples examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        _network.eval();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor logits = _network.forward(_items.Gather(examples.Users.index_select(0, examples.UserOf), examples.Items)); // [N]
        bool[] labels = Array.ConvertAll(examples.Labels.data<float>().ToArray(), label => label > 0.5f);
        return Auc.Of(logits.data<float>().ToArray(), labels);
    }

    public void Dispose() => _optimizer.Dispose();

    private double Step(RankerExamples examples, Tensor batch)
    {
        Tensor users = examples.Users.index_select(0, examples.UserOf.index_select(0, batch)); // [B, D]
        Tensor rows = examples.Items.index_select(0, batch); // [B]
        Tensor labels = examples.Labels.index_select(0, batch); // [B]
        Tensor unknown = rand(rows.shape[0], 1).lt(_options.ItemDropout).to(float32); // [B, 1]
        _optimizer.zero_grad();
        Tensor logits = _network.forward(_items.Gather(users, rows, unknown)); // [B]
        Tensor loss = nn.functional.binary_cross_entropy_with_logits(logits, labels);
        loss.backward();
        _optimizer.step();
        return loss.item<float>();
    }
}
