using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// What the cosines are divided by before the softmax: fixed, or learned as the log of its inverse, as in CLIP
/// (Radford et al., 2021).
/// </summary>
public sealed class LossTemperature : IDisposable
{
    // CLIP's bound: logits beyond +-100 learn nothing any more.
    private const double LargestInverse = 100;

    private readonly double _fixed;

    /// <param name="value">At first, or for good.</param>
    /// <param name="isLearned">Whether it is trained.</param>
    /// <param name="device">Of the training.</param>
    public LossTemperature(double value, bool isLearned = false, Device? device = null)
    {
        _fixed = value;
        LogInverse = isLearned ? new Parameter(tensor((float)-Math.Log(value), device: device ?? CPU)) : null;
    }

    /// <summary>Scalar parameter; null where the temperature is fixed.</summary>
    public Parameter? LogInverse { get; }

    /// <summary>As it is now.</summary>
    public double Value => LogInverse is null ? _fixed : 1 / Inverse(LogInverse.item<float>());

    /// <summary>Puts a learned one where an earlier training left it.</summary>
    public void Restore(float logInverse)
    {
        using var noGradient = no_grad();
        LogInverse?.fill_(logInverse);
    }

    /// <summary>Back within CLIP's bound, after a step beyond it: there it would have no gradient any more.</summary>
    public void Clamp()
    {
        using var noGradient = no_grad();
        LogInverse?.clamp_(max: Math.Log(LargestInverse));
    }

    /// <summary>x / temperature, with a gradient to it where it is learned.</summary>
    public Tensor Sharpen(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return LogInverse is null ? x / _fixed : x * LogInverse.clamp_max(Math.Log(LargestInverse)).exp();
    }

    public void Dispose() => LogInverse?.Dispose();

    private static double Inverse(double logInverse) => Math.Min(LargestInverse, Math.Exp(logInverse));
}
