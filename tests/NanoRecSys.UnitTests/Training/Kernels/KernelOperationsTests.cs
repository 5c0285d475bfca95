using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Training.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Kernels;

/// <summary>Compares each element-wise operation of the kernels with torch's: the result, and the gradient of every input.</summary>
[Collection(SeededTorch.Name)]
public sealed class KernelOperationsTests
{
    private const int Positions = 7;
    private const int Width = 48;
    private const double Fine = 2e-6;
    private const double Coarse = 2e-2; // bfloat16 has eight bits
    private const string NoVectors = "The processor has no vectors of 512 bits.";

    private static readonly KernelOperations Kernels = new();

    public KernelOperationsTests()
    {
        LibTorch.Load();
        manual_seed(11);
    }

    public static bool HasVectors => Vector512.IsHardwareAccelerated;

    [Theory(Skip = NoVectors, SkipUnless = nameof(HasVectors))]
    [InlineData(false, Fine)]
    [InlineData(true, Coarse)]
    public void Norm_is_torchs(bool isReduced, double tolerance) =>
        AssertSame([randn(Positions, Width), randn(Width)], tolerance, (operations, of) => operations.Norm(of[0], of[1], isReduced));

    [Theory(Skip = NoVectors, SkipUnless = nameof(HasVectors))]
    [InlineData(ScalarType.Float32, Fine)]
    [InlineData(ScalarType.BFloat16, Coarse)]
    public void Gated_values_are_torchs(ScalarType type, double tolerance) => AssertSame(
        [randn(Positions, 2 * Width).to(type).to(float32)], tolerance, (operations, of) => operations.SwiGlu(of[0].to(type), rate: 0, noise: null));

    [Theory(Skip = NoVectors, SkipUnless = nameof(HasVectors))]
    [InlineData(ScalarType.Float32, false, Fine)]
    [InlineData(ScalarType.Float32, true, Fine)]
    [InlineData(ScalarType.BFloat16, false, Coarse)]
    [InlineData(ScalarType.BFloat16, true, Coarse)]
    public void Gated_sums_are_torchs(ScalarType type, bool isGated, double tolerance)
    {
        Tensor[] inputs = [randn(Positions, Width), randn(Positions, Width).to(type).to(float32), randn(Positions, Width)];
        AssertSame(
            isGated ? inputs : inputs[..2], tolerance,
            (operations, of) => operations.Add(of[0], of[1].to(type), isGated ? of[2] : null, rate: 0, noise: null));
    }

    [Fact(Skip = NoVectors, SkipUnless = nameof(HasVectors))]
    public void Widened_products_have_their_bias() => AssertSame(
        [randn(Positions, Width).to(bfloat16).to(float32), randn(Width)], Coarse, (operations, of) => operations.Widen(of[0].to(bfloat16), of[1]));

    /// <summary>With the same seed, all three operations and their gradients drop the same places.</summary>
    [Fact(Skip = NoVectors, SkipUnless = nameof(HasVectors))]
    public void Dropout_zeroes_the_same_places_in_values_and_gradients_and_scales_the_others()
    {
        using var scope = NewDisposeScope();
        Tensor mask = Kernels.Drop(ones(100, Width), 0.3, new DropoutNoise(5));
        Tensor x = randn(100, Width).requires_grad_(), both = cat([randn(100, Width), randn(100, Width)], 1).requires_grad_();

        Tensor sum = Kernels.Add(zeros(100, Width), x, gate: null, 0.3, new DropoutNoise(5));
        Tensor gated = Kernels.SwiGlu(both, 0.3, new DropoutNoise(5)), whole = Kernels.SwiGlu(both, 0, noise: null);
        sum.sum().backward();
        gated.sum().backward();

        AssertClose(x * mask, sum, Fine);
        AssertClose(mask, x.grad!, Fine);
        AssertClose(whole * mask, gated, Fine);
        Assert.True(both.grad![.., Width..].eq(0).to(float32).allclose(mask.eq(0).to(float32)));
        Assert.InRange(mask.eq(0).sum().item<long>(), 1300, 1580); // 0.3 of 4,800 is 1,440, the standard deviation 32
        Assert.All(mask.data<float>().Where(value => value != 0), value => Assert.Equal(1 / 0.7f, value, 1e-6f));
    }

    [Fact(Skip = NoVectors, SkipUnless = nameof(HasVectors))]
    public void Another_draw_of_dropout_drops_other_places()
    {
        using var scope = NewDisposeScope();
        var noise = new DropoutNoise(5);
        Assert.False(Kernels.Drop(ones(10, Width), 0.3, noise).allclose(Kernels.Drop(ones(10, Width), 0.3, noise)));
    }

    [Theory(Skip = NoVectors, SkipUnless = nameof(HasVectors))]
    [InlineData(16, ScalarType.Float32, Fine)]
    [InlineData(16, ScalarType.BFloat16, Coarse)]
    [InlineData(101, ScalarType.Float32, Fine)]
    [InlineData(101, ScalarType.BFloat16, Coarse)]
    public void Softmax_gradient_is_torchs(int items, ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        Tensor logits = (randn(Positions, items) * 30).to(type); // e^x overflows single precision unless the maximum is subtracted
        Tensor targets = randint(0, items, Positions, int64), likelihood = zeros(Positions), expectedLikelihood = zeros(Positions);
        Tensor expected = NetworkOperations.Torch.SoftmaxGradient(logits.clone(), targets, expectedLikelihood);

        Tensor actual = Kernels.SoftmaxGradient(logits, targets, likelihood);

        AssertClose(expectedLikelihood, likelihood, Fine);
        AssertClose(expected.to(float32), actual, tolerance);
    }

    /// <summary>Softmax of (ln 1, ln 2, ln 5) is (1, 2, 5) / 8.</summary>
    [Fact]
    public void Torchs_softmax_gradient_is_the_softmax_minus_one_at_the_target()
    {
        using var scope = NewDisposeScope();
        Tensor likelihood = zeros(1);
        Tensor gradient = NetworkOperations.Torch.SoftmaxGradient(tensor(new[] { 0f, MathF.Log(2), MathF.Log(5) }).unsqueeze(0), tensor(new[] { 1L }), likelihood);

        AssertClose(tensor(new[] { 0.125f, -0.75f, 0.625f }).unsqueeze(0), gradient, Fine);
        AssertClose(tensor(new[] { 0.25f }), likelihood, Fine);
    }

    [Theory(Skip = NoVectors, SkipUnless = nameof(HasVectors))]
    [InlineData(64, 128, true)]
    [InlineData(24, 128, false)]
    [InlineData(64, 100, false)]
    public void Kernels_are_chosen_if_both_widths_are_multiples_of_a_vector(int dimension, int feedForward, bool isChosen)
    {
        Assert.SkipWhen(Vectors512.IsOff, "The kernels are turned off.");
        var model = new ModelInfo(BlockKinds.Transformer, dimension, 1, 2, feedForward, 20, 30, 500, 0, "full-softmax", 0.05);
        Assert.Equal(isChosen, NetworkOperations.For(CPU, model) is KernelOperations);
    }

    private static void AssertSame(Tensor[] inputs, double tolerance, Func<NetworkOperations, Tensor[], Tensor> operation)
    {
        using var scope = NewDisposeScope();
        Tensor[] first = [.. inputs.Select(input => input.clone().requires_grad_())];
        Tensor[] second = [.. inputs.Select(input => input.clone().requires_grad_())];
        Tensor expected = operation(NetworkOperations.Torch, first), actual = operation(Kernels, second);
        Tensor upstream = randn_like(expected).to(actual.dtype);
        expected.backward([upstream.to(expected.dtype)]);
        actual.backward([upstream]);

        AssertClose(expected.to(float32), actual, tolerance);
        foreach ((Tensor mine, Tensor theirs) in second.Zip(first))
        {
            AssertClose(theirs.grad!, mine.grad!, tolerance);
        }
    }

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance)
    {
        using Tensor difference = (expected.detach() - actual.detach().to(float32)).abs() / (1 + expected.detach().abs());
        Assert.True(difference.max().item<float>() <= tolerance, $"Off by {difference.max().item<float>()}.");
    }
}

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
