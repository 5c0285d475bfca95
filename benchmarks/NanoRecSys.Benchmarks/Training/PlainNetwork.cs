using NanoRecSys.Core.Data;
using NanoRecSys.Training.Retrieval;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Benchmarks.Training;

/// <summary>
/// The yardstick: a straightforward version of the same network, padded on the left to L, every position of the batch
/// through every operator. D wide, H heads, F in the feed-forward layer.
/// </summary>
internal sealed class PlainNetwork : nn.Module<Tensor, Tensor>
{
    private readonly Embedding _embedding;
    private readonly ModuleList<PlainBlock> _blocks;
    private readonly RmsNorm _norm;
    private readonly Linear _projection;
    private readonly Dropout _dropout;

    public PlainNetwork(int items, int dimension, int blocks, int heads, int feedForward, double dropout)
        : base(nameof(PlainNetwork))
    {
        _embedding = nn.Embedding(items, dimension);
        nn.init.normal_(_embedding.weight!, 0, 0.02);
        _blocks = nn.ModuleList([.. Enumerable.Range(0, blocks).Select(_ => new PlainBlock(dimension, heads, feedForward, dropout))]);
        _norm = new RmsNorm(dimension);
        _projection = nn.Linear(dimension, dimension);
        _dropout = nn.Dropout(dropout);
        RegisterComponents();
    }

    /// <param name="tokens">[B, L] int64; 0 is padding, an item is its row + 1.</param>
    /// <returns>[B, L, V] cosines.</returns>
    public override Tensor forward(Tensor tokens)
    {
        using var scope = NewDisposeScope();
        Tensor isItem = tokens.gt(0); // [B, L]
        Tensor x = _dropout.forward(_embedding.forward(tokens.sub(1).clamp_min(0)) * isItem.unsqueeze(-1)); // [B, L, D]
        long length = tokens.shape[1];
        Tensor causal = ones(length, length, ScalarType.Bool).tril(); // [L, L]
        Tensor mask = isItem.unsqueeze(1).logical_or(eye(length, dtype: ScalarType.Bool)).logical_and(causal).unsqueeze(1); // [B, 1, L, L]
        foreach (PlainBlock block in _blocks)
        {
            x = block.forward(x, mask); // [B, L, D]
        }

        Tensor users = nn.functional.normalize(_projection.forward(_norm.forward(x)), 2, -1); // [B, L, D]
        Tensor items = nn.functional.normalize(_embedding.weight!, 2, -1); // [V, D]
        return users.matmul(items.t()).MoveToOuterDisposeScope(); // [B, L, V]
    }
}

internal sealed class PlainBlock : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly RmsNorm _norm1;
    private readonly RmsNorm _norm2;
    private readonly Linear _qkv;
    private readonly Linear _out;
    private readonly Linear _gateAndValue;
    private readonly Linear _down;
    private readonly Dropout _dropout;
    private readonly int _heads;
    private readonly double _rate;

    public PlainBlock(int dimension, int heads, int feedForward, double dropout)
        : base(nameof(PlainBlock))
    {
        (_heads, _rate) = (heads, dropout);
        _norm1 = new RmsNorm(dimension);
        _norm2 = new RmsNorm(dimension);
        _qkv = nn.Linear(dimension, 3 * dimension);
        _out = nn.Linear(dimension, dimension);
        _gateAndValue = nn.Linear(dimension, 2 * feedForward, hasBias: false);
        _down = nn.Linear(feedForward, dimension, hasBias: false);
        _dropout = nn.Dropout(dropout);
        RegisterComponents();
    }

    /// <param name="x">[B, L, D]</param>
    /// <param name="mask">[B, 1, L, L] bool</param>
    /// <returns>[B, L, D]</returns>
    public override Tensor forward(Tensor x, Tensor mask)
    {
        using var scope = NewDisposeScope();
        Tensor attended = x + _dropout.forward(Attend(_norm1.forward(x), mask)); // [B, L, D]
        Tensor[] halves = _gateAndValue.forward(_norm2.forward(attended)).chunk(2, -1); // 2 x [B, L, F]
        Tensor gated = _dropout.forward(nn.functional.silu(halves[0]) * halves[1]); // [B, L, F]
        return (attended + _dropout.forward(_down.forward(gated))).MoveToOuterDisposeScope(); // [B, L, D]
    }

    private Tensor Attend(Tensor x, Tensor mask)
    {
        long batch = x.shape[0], length = x.shape[1];
        Tensor[] parts = _qkv.forward(x).chunk(3, -1); // 3 x [B, L, D]
        Tensor mixed = nn.functional.scaled_dot_product_attention(Split(parts[0]), Split(parts[1]), Split(parts[2]), mask, training ? _rate : 0); // [B, H, L, D / H]
        return _out.forward(mixed.transpose(1, 2).reshape(batch, length, -1)); // [B, L, D]

        Tensor Split(Tensor t) => t.view(batch, length, _heads, -1).transpose(1, 2); // -> [B, H, L, D / H]
    }
}

/// <summary>A straightforward training step: fp32, padded, all logits at once, autograd for everything, one thread.</summary>
internal sealed class PlainLoop : IDisposable
{
    private const long NoTarget = -100;

    private readonly PlainNetwork _network;
    private readonly AdamW _optimizer;
    private readonly TrainRetrieverOptions _options;
    private readonly PreparedData _data;
    private readonly SequenceWindow[] _windows;
    private int _next;

    public PlainLoop(TrainRetrieverOptions options, PreparedData data, long seed)
    {
        manual_seed(seed);
        (_options, _data) = (options, data);
        _network = new PlainNetwork(data.Catalog.Count, options.Dimension, options.Blocks, options.Heads, options.FeedForward, options.Dropout);
        _optimizer = optim.AdamW(_network.parameters(), options.LearningRate, options.Beta1, options.Beta2, weight_decay: 0);
        _windows = EpochPlan.Windows(data.Split, options.MaxLength, options.Window, new Random((int)seed));
    }

    public int StepsPerEpoch => (_windows.Length + _options.BatchUsers - 1) / _options.BatchUsers;

    /// <returns>Seconds of each of the next steps.</returns>
    public IReadOnlyList<double> Steps(int count)
    {
        set_num_threads(1);
        return [.. Enumerable.Range(0, count).Select(_ => Step())];
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _network.Dispose();
    }

    private double Step()
    {
        long start = Stopwatch.GetTimestamp();
        using var scope = NewDisposeScope();
        (Tensor tokens, Tensor targets) = NextBatch();
        _optimizer.zero_grad();
        Tensor logits = _network.forward(tokens).flatten(0, 1) / _options.Temperature; // [B * L, V]
        nn.functional.cross_entropy(logits, targets, ignore_index: NoTarget).backward();
        _optimizer.step();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>[B, L] tokens and [B * L] targets.</summary>
    private (Tensor Tokens, Tensor Targets) NextBatch()
    {
        int length = _options.MaxLength, count = Math.Min(_options.BatchUsers, _windows.Length - _next);
        var tokens = new long[count * length];
        var targets = new long[count * length];
        Array.Fill(targets, NoTarget);
        for (int b = 0; b < count; b++)
        {
            SequenceWindow window = _windows[_next + b];
            ReadOnlySpan<int> items = _data.Split.Train(window.User).Slice(window.Start, window.Count);
            SequenceBuilder.Fill(items[..^1], tokens.AsSpan(b * length, length));
            for (int t = 1; t < items.Length; t++)
            {
                targets[((b + 1) * length) - items.Length + t] = items[t];
            }
        }

        _next = _next + count < _windows.Length ? _next + count : 0;
        return (tensor(tokens, [count, length]), tensor(targets));
    }
}
