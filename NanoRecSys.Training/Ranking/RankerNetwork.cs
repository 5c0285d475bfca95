using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>The second stage: an MLP over a user, an item, their product, the item's content, and signals that compare it with the user's
/// history. Its weights are <c>genre_embeddings.weight</c> for all categories, <c>year_embeddings.weight</c> if there are years of release,
/// <c>number_embeddings.0.weight</c> ... for other numbers, <c>mlp.0.weight</c> ..., <c>output.weight</c>.</summary>
internal sealed class RankerNetwork : nn.Module<RankerInputs, Tensor>
{
    public const int CategoryWidth = 16;
    public const int NumberWidth = 8;

    [ComponentName(Name = "genre_embeddings")]
    private readonly Embedding _categories; // [G, 16]
    [ComponentName(Name = "year_embeddings")]
    private readonly Embedding? _years; // [6, 8]
    [ComponentName(Name = "number_embeddings")]
    private readonly ModuleList<Embedding> _numbers; // [buckets, 8] each
    [ComponentName(Name = "mlp")]
    private readonly Sequential _mlp;
    [ComponentName(Name = "output")]
    private readonly Linear _output; // last hidden width -> 1
    private readonly Tensor? _hiddenSignals; // [S] 1 for signals that an unknown item does not have

    public RankerNetwork(RankerModel model)
        : base(nameof(RankerNetwork))
    {
        Model = model;
        IReadOnlyList<NumberLayout> numbers = model.Items.Numbers;
        _categories = nn.Embedding(Math.Max(1, model.Items.Categories.Count), CategoryWidth);
        _years = numbers is [{ IsYear: true } year, ..] ? nn.Embedding(year.Buckets, NumberWidth) : null;
        _numbers = new ModuleList<Embedding>([.. numbers.Skip(_years is null ? 0 : 1).Select(number => nn.Embedding(number.Buckets, NumberWidth))]);
        var layers = new List<nn.Module<Tensor, Tensor>>();
        int width = 3 * model.Dimension + 1 + numbers.Count * NumberWidth + CategoryWidth + 1 + model.Signals.Count;
        foreach (int hidden in model.Hidden)
        {
            layers.AddRange([nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(model.Dropout)]);
            width = hidden;
        }

        _mlp = nn.Sequential(layers);
        _output = nn.Linear(width, 1);
        _hiddenSignals = model.Signals.Count > 0 ? tensor(model.Signals.Select(signal => RankerSignals.NeedsEmbedding(signal) ? 1f : 0f).ToArray()) : null;
        RegisterComponents();
    }

    public RankerModel Model { get; }

    /// <summary>[1] the bias of the logit.</summary>
    public Parameter OutputBias => _output.bias!;

    /// <returns>[B] logits; their sigmoid is the estimated probability that the item is the next one.</returns>
    public override Tensor forward(RankerInputs inputs)
    {
        using var scope = NewDisposeScope();
        Tensor items = inputs.Items * (1 - inputs.Unknown); // [B, D]
        Tensor users = inputs.Users.expand_as(items); // [B, D]
        Tensor categoryCount = inputs.Categories.sum(1, keepdim: true).clamp_min(1); // [B, 1]
        Tensor categories = inputs.Categories.matmul(_categories.weight!) / categoryCount; // [B, G] x [G, 16] -> [B, 16]
        IEnumerable<Embedding> tables = _years is null ? _numbers : _numbers.Prepend(_years);
        Tensor[] numbers = [.. tables.Select((table, n) => table.forward(inputs.Numbers.select(1, n)))]; // N x [B, 8]
        Tensor[] parts = [users, items, users * items, inputs.Popularity, .. numbers, categories, inputs.Unknown];
        if (_hiddenSignals is not null)
        {
            parts = [.. parts, inputs.Signals! * (1 - inputs.Unknown * _hiddenSignals)]; // [B, S]
        }

        Tensor x = cat(parts, 1); // [B, 3D + 18 + 8N + S]
        return _output.forward(_mlp.forward(x)).squeeze(1).MoveToOuterDisposeScope(); // [B]
    }
}

/// <summary>Describes a trained ranker: <c>ranker.json</c>, next to its weights.</summary>
/// <param name="Items">Its item inputs; in the published layout, genres and the year.</param>
/// <param name="RetrieverWeight">Served score = sigmoid(logit + weight * cosine); chosen on validation.</param>
internal sealed record RankerModel(
    int Dimension, IReadOnlyList<int> Hidden, ItemLayout Items, double Dropout, double RetrieverWeight)
{
    /// <summary>Signals from <see cref="RankerSignals.Of"/>; empty in the published layout.</summary>
    public IReadOnlyList<string> Signals { get; init; } = [];

    /// <summary>Hash of the weights of the retriever it was trained for, in lower-case hex; null in files of earlier versions.</summary>
    public string? RetrieverSha256 { get; init; }
}

/// <summary>A batch of user-item pairs as ranker inputs.</summary>
/// <param name="Users">[B, D] user embeddings, L2-normalized; or [1, D]: one user, B candidates.</param>
/// <param name="Items">[B, D] item embeddings, L2-normalized.</param>
/// <param name="Popularity">[B, 1] log popularity in 0..1.</param>
/// <param name="Numbers">[B, N] int64 buckets of number attributes.</param>
/// <param name="Categories">[B, G] 1 where the item has the category.</param>
/// <param name="Unknown">[B, 1] 1 to ignore the item embedding, as for an untrained item.</param>
/// <param name="Signals">[B, S] signals that the model names; unused if it names none.</param>
internal sealed record RankerInputs(Tensor Users, Tensor Items, Tensor Popularity, Tensor Numbers, Tensor Categories, Tensor Unknown, Tensor? Signals = null);

/// <summary>Every item's ranker inputs as tensors, to gather batches from.</summary>
internal sealed class ItemFeatureTensors : IDisposable
{
    private readonly ItemFeatures _features;
    private readonly Tensor _embeddings; // [V, D], L2-normalized
    private readonly Tensor _popularity; // [V, 1]
    private readonly Tensor _numbers; // [V, N]
    private readonly Tensor? _categories; // [V, G]; null if that would be too large

    /// <param name="embeddings">[V, D], L2-normalized; ownership is transferred.</param>
    public ItemFeatureTensors(Tensor embeddings, ItemFeatures features)
    {
        _features = features;
        _embeddings = embeddings;
        _popularity = tensor(features.Popularity.ToArray(), [features.Count, 1]);
        _numbers = tensor(Array.ConvertAll(features.Buckets.ToArray(), bucket => (long)bucket), [features.Count, features.Layout.Numbers.Count]);
        _categories = features.Layout.Categories.Count == 0 ? zeros(features.Count, 1) // a network without categories has one row that is never set
            : features.Flags is { } flags ? tensor(flags, [features.Count, features.Layout.Categories.Count])
            : null;
    }

    /// <param name="users">[B, D] or [1, D].</param>
    /// <param name="rows">[B] int64 item rows.</param>
    /// <param name="unknown">[B, 1], or null if all items are known.</param>
    /// <param name="signals">[B, S], if the network reads signals.</param>
    public RankerInputs Gather(Tensor users, Tensor rows, Tensor? unknown = null, Tensor? signals = null) =>
        new RankerInputs(
            users, _embeddings.index_select(0, rows), _popularity.index_select(0, rows), _numbers.index_select(0, rows),
            _categories?.index_select(0, rows) ?? CategoriesOf(rows), unknown ?? zeros(rows.shape[0], 1), signals);

    // [B] -> [B, G]
    private Tensor CategoriesOf(Tensor rows)
    {
        int width = _features.Layout.Categories.Count;
        var flags = new float[rows.shape[0] * width];
        foreach ((int i, long row) in rows.data<long>().Index())
        {
            Span<float> own = flags.AsSpan(i * width, width);
            _features.CategoriesOf((int)row, own);
        }

        return tensor(flags, [rows.shape[0], width]);
    }

    public void Dispose()
    {
        _embeddings.Dispose();
        _popularity.Dispose();
        _numbers.Dispose();
        _categories?.Dispose();
    }
}

internal sealed class RankerTrainer(RankerNetwork network, ItemFeatureTensors items, TrainRankerOptions options) : IDisposable
{
    public AdamW Optimizer { get; } = new KeptScalarAdamW(network.parameters(), options.LearningRate, weightDecay: options.WeightDecay);

    /// <summary>One pass over the positions in a new order, determined by torch's seed.</summary>
    public double Train(RankerExamples examples, Action<double, double> onStep, CancellationToken cancellation)
    {
        network.train();
        using Tensor order = randperm(examples.Positions, int64);
        long step = Math.Max(1, options.BatchPairs / examples.Candidates);
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

    /// <returns>How well the ranker separates the next item from each of the two kinds of negatives.</returns>
    public (double Hard, double Random) MeasureAuc(RankerExamples examples)
    {
        network.eval();
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
        return (AucAmong(CandidateKind.Hard), AucAmong(CandidateKind.Random));

        double AucAmong(CandidateKind negatives)
        {
            Tensor counted = examples.Kinds.eq((long)CandidateKind.Positive).logical_or(examples.Kinds.eq((long)negatives));
            float[] scores = logits.masked_select(counted).data<float>().ToArray();
            return Auc.Of(scores, Array.ConvertAll(examples.Kinds.masked_select(counted).data<long>().ToArray(), kind => kind == (long)CandidateKind.Positive));
        }
    }

    public void Dispose() => Optimizer.Dispose();

    private double Step(RankerExamples batch)
    {
        Optimizer.zero_grad();
        Tensor loss = RankerLoss.Of(options.Loss, Logits(batch, options.ItemDropout), batch.Items.ge(0), batch.Weights);
        loss.backward();
        Optimizer.step();
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
        Tensor logits = network.forward(items.Gather(users, rows, unknown, signals)); // [N]
        return zeros(isThere.numel()).scatter(0, places, logits).reshape(isThere.shape);
    }
}

/// <summary>Mined positions as tensors: each with a list of candidates, the actual item first.</summary>
/// <param name="Users">[P, D] the users' embeddings.</param>
/// <param name="Items">[P, C] int64 candidate rows; -1 where a list is shorter.</param>
/// <param name="Kinds">[P, C] int64 <see cref="CandidateKind"/>; -1 where a list is shorter.</param>
/// <param name="Signals">[P, C, S]; null if the ranker reads none.</param>
/// <param name="Weights">[P] weight of the interaction at each position; null if all are 1.</param>
internal sealed record RankerExamples(Tensor Users, Tensor Items, Tensor Kinds, Tensor? Signals, Tensor? Weights) : IDisposable
{
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
