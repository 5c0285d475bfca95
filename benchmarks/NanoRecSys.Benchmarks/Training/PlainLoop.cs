using System.Diagnostics;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Retrieval;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Benchmarks.Training;

/// <summary>A training step as one writes it first: fp32, padded, all logits at once, autograd for everything, one thread.</summary>
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
