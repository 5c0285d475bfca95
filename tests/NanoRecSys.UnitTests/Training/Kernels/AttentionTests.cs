using System.Runtime.Intrinsics;
using NanoRecSys.Training.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Kernels;

/// <summary>Compares the kernel with the same attention in torch, whose gradients autograd computes.</summary>
public sealed class AttentionTests : IDisposable
{
    private const int Heads = 2;
    private const int Width = 48; // heads of 24: not a multiple of the kernel's tiles
    private const int MaxLength = 40;

    private static readonly int[] Offsets = [0, 1, 6, 43, 60]; // lengths 1, 5, 37, 17

    private static readonly KernelOperations Kernels = new();

    private readonly DisposeScope _scope;

    public AttentionTests()
    {
        LibTorch.Load();
        _scope = NewDisposeScope();
        manual_seed(3);
        Assert.SkipUnless(Vector512.IsHardwareAccelerated, "This processor has no 512-bit vectors.");
    }

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void The_kernel_computes_what_torch_computes_forward_and_back(bool hasDistance, bool hasTime)
    {
        var shape = new AttentionShape(Heads, Dropout: 0);
        using SequencePack pack = Pack();
        Tensor qkv = randn(60, 3 * Width);
        BiasTables? bias = hasDistance ? new BiasTables(randn(Heads, MaxLength), hasTime ? randn(Heads, TimeBuckets.Count) : null) : null;
        Tensor upstream = randn(60, Width);

        Tensor[] expected = Run(qkv, bias, upstream, (x, tables) => NetworkOperations.Torch.Attention(shape, x, tables, pack, noise: null));
        Tensor[] actual = Run(qkv, bias, upstream, (x, tables) => Kernels.Attention(shape, x, tables, pack, noise: null));

        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(expected[i].allclose(actual[i], 1e-4, 2e-5), $"{i}: {(expected[i] - actual[i]).abs().max().item<float>()}");
        }
    }

    [Fact]
    public void Dropout_keeps_the_mean_and_repeats_its_mask_for_the_gradient()
    {
        var shape = new AttentionShape(Heads, Dropout: 0.5);
        using SequencePack pack = Pack();
        Tensor values = ones(60, Width);
        Tensor qkv = cat([zeros(60, 2 * Width), values], 1).requires_grad_();

        Tensor output = Kernels.Attention(shape, qkv, null, pack, new DropoutNoise(seed: 1)); // [P, D]: sums of the kept weights
        output.sum().backward();

        Assert.InRange(output.mean().item<float>(), 0.85f, 1.15f);
        Assert.NotEqual(1, output[59, 0].item<float>());

        // The sum of all weights is the output's sum, and each value's gradient is its share of it.
        Assert.Equal(output.sum().item<float>(), qkv.grad![.., (2 * Width)..].sum().item<float>(), 1e-2f);
    }

    [Theory]
    [InlineData(-5, 0)]
    [InlineData(1, 0)]
    [InlineData(2, 2)] // ln 2 / 0.301 = 2.3
    [InlineData(60, 13)] // ln 60 / 0.301 = 13.6
    [InlineData(long.MaxValue, 63)]
    public void Times_fall_into_growing_buckets(long seconds, byte bucket) => Assert.Equal(bucket, TimeBuckets.Of(seconds));

    private static SequencePack Pack()
    {
        long[] itemTimes = [.. Enumerable.Range(0, 60).Select(t => (long)t * t * 40)];
        long[] predictionTimes = [.. itemTimes.Select((time, t) => time + (t % 7 * 1000))];
        return new SequencePack([.. Enumerable.Range(0, 60)], Offsets, CPU, new TimeBuckets(Offsets, itemTimes, predictionTimes));
    }

    /// <returns>The output and the gradients of all inputs.</returns>
    private static Tensor[] Run(Tensor qkv, BiasTables? bias, Tensor upstream, Func<Tensor, BiasTables?, Tensor> attention)
    {
        Tensor x = qkv.clone().requires_grad_();
        BiasTables? tables = bias is null ? null : new BiasTables(bias.Distance.clone().requires_grad_(), bias.Time?.clone().requires_grad_());
        Tensor output = attention(x, tables);
        output.backward([upstream]);
        return [output, x.grad!, .. tables is null ? [] : new[] { tables.Distance.grad! }, .. tables?.Time is null ? [] : new[] { tables.Time.grad! }];
    }
}
