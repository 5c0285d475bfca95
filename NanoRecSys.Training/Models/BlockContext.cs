using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>What every block needs of a batch.</summary>
/// <param name="Pack">The sequences.</param>
/// <param name="Noise">Draws the dropout; null where nothing is dropped.</param>
/// <param name="Cos">[P, d] of each position's rotation, with rotary positions.</param>
/// <param name="Sin">[P, d]</param>
public sealed record BlockContext(SequencePack Pack, DropoutNoise? Noise, Tensor? Cos, Tensor? Sin)
{
    public Tensor Drop(Tensor x, double rate) => Noise is null ? x.alias() : Noise.Drop(x, rate);

    internal DropoutMask Mask(double rate) => Noise?.NextMask(rate) ?? DropoutMask.None;
}
