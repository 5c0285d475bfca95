using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Baselines;

/// <summary>A user tower that ignores order: the mean of the last items, through one hidden layer.</summary>
internal sealed class MlpUserTower : nn.Module<Tensor, Tensor>
{
    private const double EmbeddingStd = 0.02; // as in the transformer's item table

    // Kept alive here: TorchSharp lets the garbage collector free a scalar's native memory while an operation still reads it.
    private static readonly Scalar None = 0;
    private static readonly Scalar One = 1;

    [ComponentName(Name = "embedding")]
    private readonly Embedding _embedding; // [V, D]
    [ComponentName(Name = "mlp")]
    private readonly Sequential _mlp; // D -> H -> D

    /// <param name="items">V</param>
    public MlpUserTower(int items, MlpUserTowerOptions options)
        : base(nameof(MlpUserTower))
    {
        _embedding = nn.Embedding(items, options.Dimension);
        nn.init.normal_(_embedding.weight!, 0, EmbeddingStd);
        _mlp = nn.Sequential(
            nn.Dropout(options.Dropout),
            new MixedLinear(options.Dimension, options.Hidden, hasBias: true),
            nn.SiLU(),
            nn.Dropout(options.Dropout),
            new MixedLinear(options.Hidden, options.Dimension, hasBias: true));
        RegisterComponents();
    }

    /// <param name="tokens">[B, M] int64; 0 is padding, an item is its row + 1. Order does not matter.</param>
    /// <returns>[B, D], L2-normalized.</returns>
    public override Tensor forward(Tensor tokens)
    {
        using var scope = NewDisposeScope();
        Tensor isItem = tokens.gt(None).to(float32).unsqueeze(-1); // [B, M, 1]
        Tensor items = nn.functional.normalize(_embedding.forward(tokens.sub(One).clamp_min(None)), 2, -1); // [B, M, D]
        Tensor mean = (items * isItem).sum(1) / isItem.sum(1).clamp_min(One); // [B, D]
        return nn.functional.normalize(_mlp.forward(mean), 2, -1).MoveToOuterDisposeScope();
    }

    /// <summary>[V, D], L2-normalized rows.</summary>
    public Tensor ItemEmbeddings() => nn.functional.normalize(_embedding.weight!, 2, -1);
}

/// <summary>Hyper-parameters of the MLP user tower; the defaults are first guesses, not tuned.</summary>
internal sealed record MlpUserTowerOptions : IBaselineOptions
{
    /// <summary>D, width of an embedding.</summary>
    public int Dimension { get; init; } = 64;

    public int Hidden { get; init; } = 256;

    /// <summary>M, most recent items that are averaged.</summary>
    public int HistoryLength { get; init; } = 10;

    public double Dropout { get; init; } = 0.2;

    public RetrieverLoss Loss { get; init; } = RetrieverLoss.FullSoftmax;

    /// <summary>Divides the cosine in the loss.</summary>
    public double Temperature { get; init; } = 0.05;

    public double LearningRate { get; init; } = 2e-3;

    /// <summary>Positions per step.</summary>
    public int BatchPositions { get; init; } = 1024;

    /// <summary>Positions of a user to train on per epoch, redrawn each epoch.</summary>
    public int PositionsPerUser { get; init; } = 50;

    public int Epochs { get; init; } = 30;

    /// <summary>Epochs without a better NDCG@10 on validation before training stops.</summary>
    public int Patience { get; init; } = 3;

    public IBaselineTrainer CreateTrainer(PreparedData data, StepContext context) => new MlpUserTowerTrainer(this, data, context.Seed, device(context.Device));
}

/// <summary>Trains the MLP user tower to predict the next item at positions of the histories.</summary>
internal sealed class MlpUserTowerTrainer : IBaselineTrainer, IDisposable
{
    private readonly MlpUserTowerOptions _options;
    private readonly IRetrieverLoss _loss;
    private readonly long _seed;
    private readonly Device _device;
    private readonly PreparedData _data;
    private readonly MlpUserTower _tower;
    private readonly AdamW _optimizer;

    public MlpUserTowerTrainer(MlpUserTowerOptions options, PreparedData data, long seed, Device device)
    {
        (_options, _data, _seed, _device) = (options, data, seed, device);
        _loss = TrainRetrieverStep.CreateLoss(new TrainRetrieverOptions { Loss = options.Loss, Temperature = options.Temperature }, data, device);
        manual_seed(seed);
        _tower = new MlpUserTower(data.Catalog.Count, options).to(device);
        _optimizer = new KeptScalarAdamW(_tower.parameters(), options.LearningRate, weightDecay: 0);
    }

    public string Name => MlpUserTowerScorer.ModelName;

    public int Epochs => _options.Epochs;

    public int Patience => _options.Patience;

    public double? TrainEpoch(int epoch, Action<double> progress, CancellationToken cancellation)
    {
        var random = new Random(unchecked((int)(_seed * 1_000_003 + epoch)));
        manual_seed(random.NextInt64());
        (int User, int Position)[] examples = Examples(random);
        _tower.train();
        double sum = 0;
        for (int start = 0; start < examples.Length; start += _options.BatchPositions)
        {
            cancellation.ThrowIfCancellationRequested();
            ReadOnlySpan<(int, int)> batch = examples.AsSpan(start, Math.Min(_options.BatchPositions, examples.Length - start));
            sum += Step(batch) * batch.Length;
            progress((double)(start + batch.Length) / examples.Length);
        }

        return sum / Math.Max(1, examples.Length);
    }

    public IScorer Open() => new MlpUserTowerScorer(_tower, _options, isOwner: false);

    public void Save(string folder) => ModelFolder.MlpUserTower.Write(folder, _options, NetworkWeights.Of(_tower), _data.Hash);

    public void Dispose()
    {
        _optimizer.Dispose();
        _tower.Dispose();
    }

    private double Step(ReadOnlySpan<(int User, int Position)> examples)
    {
        using var scope = NewDisposeScope();
        int length = _options.HistoryLength;
        long[] tokens = new long[examples.Length * length]; // [P, M]
        long[] targets = new long[examples.Length]; // [P]
        float[] weights = new float[_data.Histories.HasWeights ? examples.Length : 0]; // [P]
        for (int p = 0; p < examples.Length; p++)
        {
            ReadOnlySpan<int> items = _data.Split.Train(examples[p].User);
            SequenceBuilder.Fill(items[..examples[p].Position], tokens.AsSpan(p * length, length));
            targets[p] = items[examples[p].Position];
            if (weights.Length > 0)
            {
                weights[p] = _data.Split.TrainWeights(examples[p].User)[examples[p].Position];
            }
        }

        _optimizer.zero_grad();
        Tensor users = _tower.forward(tensor(tokens, [examples.Length, length], device: _device)); // [P, D]
        double loss = _loss.Backward(users, _tower.ItemEmbeddings(), tensor(targets, device: _device), weights.Length > 0 ? PositionWeights.Of(weights, _device) : null);
        _optimizer.step();
        return loss;
    }

    private (int User, int Position)[] Examples(Random random)
    {
        var examples = new List<(int User, int Position)>();
        for (int user = 0; user < _data.Split.UserCount; user++)
        {
            int positions = _data.Split.Train(user).Length - 1; // nothing precedes the first
            if (positions <= _options.PositionsPerUser)
            {
                examples.AddRange(Enumerable.Range(1, Math.Max(0, positions)).Select(position => (user, position)));
                continue;
            }

            int left = _options.PositionsPerUser;
            for (int position = 1; left > 0; position++)
            {
                // Selection sampling (Knuth): every position is equally likely.
                if (random.Next(positions - position + 1) < left)
                {
                    examples.Add((user, position));
                    left--;
                }
            }
        }

        (int User, int Position)[] shuffled = [.. examples];
        random.Shuffle(shuffled);
        return shuffled;
    }
}

/// <summary>The MLP user tower as a model to evaluate; it must not be trained during the scorer's lifetime.</summary>
internal sealed class MlpUserTowerScorer : IScorer, IDisposable
{
    public const string ModelName = "mlp-user-tower";

    private readonly MlpUserTower _tower;
    private readonly MlpUserTowerOptions _options;
    private readonly bool _isOwner;
    private readonly Tensor _items; // [V, D]
    private readonly ItemProducts _products;

    /// <param name="tower">Put into evaluation mode.</param>
    /// <param name="isOwner">Whether disposing the scorer disposes the tower.</param>
    public MlpUserTowerScorer(MlpUserTower tower, MlpUserTowerOptions options, bool isOwner)
    {
        (_tower, _options, _isOwner) = (tower, options, isOwner);
        tower.eval();
        using var noGradient = no_grad();
        _items = tower.ItemEmbeddings().DetachFromDisposeScope();
        _products = new ItemProducts(_items);
    }

    public string Name => ModelName;

    /// <returns>A model that the caller disposes.</returns>
    /// <exception cref="UserErrorException">The model is not trained, was trained on other data, or its files are damaged.</exception>
    public static MlpUserTowerScorer Read(string folder, PreparedData data) => ModelFolder.MlpUserTower.Read(folder, data, (options, weights) =>
    {
        int items = data.Catalog.Count; // V
        weights["embedding.weight"].RequireRows(items); // [V, D]
        LibTorch.Load();
        var tower = new MlpUserTower(items, options);
        NetworkWeights.Load(tower, weights);
        return new MlpUserTowerScorer(tower, options, isOwner: true);
    });

    public double LogitScale => 1 / _options.Temperature;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        long[] tokens = new long[histories.Count * _options.HistoryLength]; // [B, M]
        for (int b = 0; b < histories.Count; b++)
        {
            SequenceBuilder.Fill(histories[b].Items.Span, tokens.AsSpan(b * _options.HistoryLength, _options.HistoryLength));
        }

        using var noGradient = no_grad();
        using Tensor batch = tensor(tokens, [histories.Count, _options.HistoryLength], device: _items.device); // [B, M]
        using Tensor users = _tower.forward(batch); // [B, D]
        _products.With(users).CopyTo(scores);
    }

    public void Dispose()
    {
        _products.Dispose();
        _items.Dispose();
        if (_isOwner)
        {
            _tower.Dispose();
        }
    }
}
