using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>How well a ranker separates the next item from each of the two kinds of negatives.</summary>
internal readonly record struct RankerAuc(double Hard, double Random);

internal sealed class RankerTrainer : IDisposable
{
    private readonly RankerNetwork _network;
    private readonly ItemFeatureTensors _items;
    private readonly TrainRankerOptions _options;
    private readonly AdamW _optimizer;

    public RankerTrainer(RankerNetwork network, ItemFeatureTensors items, TrainRankerOptions options)
    {
        (_network, _items, _options) = (network, items, options);
        _optimizer = new KeptScalarAdamW(network.parameters(), options.LearningRate, weightDecay: options.WeightDecay);
    }

    internal AdamW Optimizer => _optimizer;

    /// <summary>One pass over the positions in a new order, determined by torch's seed.</summary>
    public double Train(RankerExamples examples, Action<double, double> onStep, CancellationToken cancellation)
    {
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
        Tensor loss = RankerLoss.Of(_options.Loss, Logits(batch, _options.ItemDropout), batch.Items.ge(0), batch.Weights);
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

/// <summary>Mined positions as tensors: each with a list of candidates, the actual item first.</summary>
internal sealed class RankerExamples : IDisposable
{
    private RankerExamples(Tensor users, Tensor items, Tensor kinds, Tensor? signals, Tensor? weights) =>
        (Users, Items, Kinds, Signals, Weights) = (users, items, kinds, signals, weights);

    /// <summary>[P, D] the users' embeddings.</summary>
    public Tensor Users { get; }

    /// <summary>[P, C] int64 candidate rows; -1 where a list is shorter.</summary>
    public Tensor Items { get; }

    /// <summary>[P, C] int64 <see cref="CandidateKind"/>; -1 where a list is shorter.</summary>
    public Tensor Kinds { get; }

    /// <summary>[P, C, S]; null if the ranker reads none.</summary>
    public Tensor? Signals { get; }

    /// <summary>[P] weight of the interaction at each position; null if all are 1.</summary>
    public Tensor? Weights { get; }

    public long Positions => Items.shape[0];

    public long Candidates => Items.shape[1];

    public static RankerExamples Create(IReadOnlyList<MinedPosition> mined, DataSplit split, SignalReader reader)
    {
        int longest = mined.Max(position => position.Items.Length);
        int dimension = mined[0].Embedding.Length;
        var users = new float[mined.Count * dimension];
        var items = new long[mined.Count * longest];
        var kinds = new long[mined.Count * longest];
        var signals = new float[mined.Count * longest * reader.Count];
        Array.Fill(items, -1);
        Array.Fill(kinds, -1);
        Parallel.For(0, mined.Count, p =>
        {
            MinedPosition position = mined[p];
            position.Embedding.CopyTo(users, p * dimension);
            for (int c = 0; c < position.Items.Length; c++)
            {
                items[p * longest + c] = position.Items[c];
                kinds[p * longest + c] = (long)position.Kinds[c];
            }

            reader.Read(
                split.Items(position.User)[..position.Position], position.Items, position.Cosines,
                signals.AsSpan(p * longest * reader.Count, position.Items.Length * reader.Count));
        });
        return new RankerExamples(
            tensor(users, [mined.Count, dimension]), tensor(items, [mined.Count, longest]), tensor(kinds, [mined.Count, longest]),
            reader.Count > 0 ? tensor(signals, [mined.Count, longest, reader.Count]) : null,
            split.Histories.HasWeights ? tensor(mined.Select(position => split.Histories.WeightsAt(position.User)[position.Position]).ToArray()) : null);
    }

    /// <param name="positions">[B] int64.</param>
    public RankerExamples Select(Tensor positions) => new(
        Users.index_select(0, positions), Items.index_select(0, positions), Kinds.index_select(0, positions), Signals?.index_select(0, positions),
        Weights?.index_select(0, positions));

    public void Dispose()
    {
        Users.Dispose();
        Items.Dispose();
        Kinds.Dispose();
        Signals?.Dispose();
        Weights?.Dispose();
    }
}

public enum RankerLossKind
{
    Bce,

    Listwise,
}

/// <summary>Losses over lists of candidates of which the first is the positive.</summary>
internal static class RankerLoss
{
    /// <param name="logits">[P, C]; the positive's is the first.</param>
    /// <param name="isThere">[P, C] bool: false where a list is shorter.</param>
    /// <param name="weights">[P] weights of the positions, with all of their candidates, in the mean; null for equal weights.</param>
    public static Tensor Of(RankerLossKind kind, Tensor logits, Tensor isThere, Tensor? weights = null)
    {
        if (kind == RankerLossKind.Listwise)
        {
            Tensor listed = logits.masked_fill(isThere.logical_not(), float.NegativeInfinity);
            Tensor likelihood = nn.functional.log_softmax(listed, 1).select(1, 0); // [P]
            return weights is null ? -likelihood.mean() : -likelihood.dot(weights) / weights.sum();
        }

        Tensor labels = zeros_like(logits);
        labels.select(1, 0).fill_(1);
        if (weights is null)
        {
            return nn.functional.binary_cross_entropy_with_logits(logits.masked_select(isThere), labels.masked_select(isThere));
        }

        Tensor counted = weights.unsqueeze(1).expand_as(logits).masked_select(isThere); // [N]
        return nn.functional.binary_cross_entropy_with_logits(logits.masked_select(isThere), labels.masked_select(isThere), counted, nn.Reduction.Sum) / counted.sum();
    }
}
