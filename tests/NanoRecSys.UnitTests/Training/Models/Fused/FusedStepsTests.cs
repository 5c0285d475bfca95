using System.Runtime.Intrinsics;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Models.Fused;
using NanoRecSys.UnitTests.Fixtures;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Models.Fused;

/// <summary>Each fused step against torch's operators: the result, and the gradient of every input.</summary>
[Collection(SeededTorch.Name)]
public sealed class FusedStepsTests
{
    private const int Positions = 7;
    private const int Width = 48;
    private const double Fine = 2e-6;
    private const double Coarse = 2e-2; // bfloat16 has eight bits

    public FusedStepsTests()
    {
        LibTorch.Load();
        manual_seed(11);
    }

    public static bool HasVectors => Vector512.IsHardwareAccelerated;

    [Theory(Skip = "The processor has no vectors of 512 bits.", SkipUnless = nameof(HasVectors))]
    [InlineData(ScalarType.Float32, Fine)]
    [InlineData(ScalarType.BFloat16, Coarse)]
    public void Norm_is_torchs(ScalarType type, double tolerance)
    {
        Tensor[] inputs = [randn(Positions, Width), randn(Width)];
        AssertSame(
            inputs, tolerance,
            of => of[0] * (of[0].square().mean([-1], keepdim: true) + RmsNorm.Epsilon).rsqrt() * of[1],
            of => FusedSteps.Norm(of[0], of[1], type));
    }

    [Theory(Skip = "The processor has no vectors of 512 bits.", SkipUnless = nameof(HasVectors))]
    [InlineData(ScalarType.Float32, Fine)]
    [InlineData(ScalarType.BFloat16, Coarse)]
    public void Gated_values_are_torchs_and_dropped_by_the_mask(ScalarType type, double tolerance)
    {
        Tensor[] inputs = [randn(Positions, 2 * Width).to(type).to(float32)];
        AssertSame(
            inputs, tolerance,
            of => nn.functional.silu(of[0][.., ..Width]) * of[0][.., Width..] * Written(Mask, Width),
            of => FusedSteps.SwiGlu(of[0].to(type), Mask));
    }

    [Theory(Skip = "The processor has no vectors of 512 bits.", SkipUnless = nameof(HasVectors))]
    [InlineData(ScalarType.Float32, false, Fine)]
    [InlineData(ScalarType.Float32, true, Fine)]
    [InlineData(ScalarType.BFloat16, false, Coarse)]
    [InlineData(ScalarType.BFloat16, true, Coarse)]
    public void Gated_sums_are_torchs_and_dropped_by_the_mask(ScalarType type, bool isGated, double tolerance)
    {
        Tensor[] inputs = [randn(Positions, Width), randn(Positions, Width).to(type).to(float32), randn(Positions, Width)];
        AssertSame(
            isGated ? inputs : inputs[..2], tolerance,
            of => of[0] + (of[1] * (isGated ? of[2].sigmoid() : ones_like(of[1])) * Written(Mask, Width)),
            of => FusedSteps.Add(of[0], of[1].to(type), isGated ? of[2] : null, Mask));
    }

    [Fact(Skip = "The processor has no vectors of 512 bits.", SkipUnless = nameof(HasVectors))]
    public void Widened_products_have_their_bias()
    {
        Tensor[] inputs = [randn(Positions, Width).to(bfloat16).to(float32), randn(Width)];
        AssertSame(inputs, Coarse, of => of[0] + of[1], of => FusedSteps.Widen(of[0].to(bfloat16), of[1]));
    }

    [Theory(Skip = "The processor has no vectors of 512 bits.", SkipUnless = nameof(HasVectors))]
    [InlineData(16, ScalarType.Float32, Fine)]
    [InlineData(16, ScalarType.BFloat16, Coarse)]
    [InlineData(101, ScalarType.Float32, Fine)]
    [InlineData(101, ScalarType.BFloat16, Coarse)]
    public void The_softmax_less_the_target_takes_the_logits_place(int items, ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        Tensor logits = (randn(Positions, items) * 30).to(type); // far beyond what single precision's e^x holds, were it not for the largest
        Tensor targets = randint(0, items, Positions, int64), likelihood = zeros(Positions);
        Tensor share = logits.to(float32).softmax(1);
        Tensor own = share.gather(1, targets.unsqueeze(1));
        Tensor expected = share.scatter(1, targets.unsqueeze(1), own - 1);

        SoftmaxGradient.Replace(logits, targets, likelihood);

        AssertClose(own.squeeze(1), likelihood, Fine);
        AssertClose(expected, logits, tolerance);
    }

    private static DropoutMask Mask => new(0.3, key: 5);

    private static Tensor Written(DropoutMask mask, int width)
    {
        float[] values = new float[Positions * width];
        mask.CopyTo(values);
        return tensor(values).reshape(Positions, width);
    }

    private static void AssertSame(Tensor[] inputs, double tolerance, Func<Tensor[], Tensor> torchs, Func<Tensor[], Tensor> fused)
    {
        using var scope = NewDisposeScope();
        Tensor[] first = [.. inputs.Select(input => input.clone().requires_grad_())];
        Tensor[] second = [.. inputs.Select(input => input.clone().requires_grad_())];
        Tensor expected = torchs(first), actual = fused(second);
        Tensor upstream = randn_like(expected).to(actual.dtype);
        expected.backward([upstream.to(float32)]);
        actual.backward([upstream]);

        AssertClose(expected, actual, tolerance);
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
