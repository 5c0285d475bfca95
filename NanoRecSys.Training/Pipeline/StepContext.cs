namespace NanoRecSys.Training.Pipeline;

/// <summary>What every step of the pipeline is given besides its own options.</summary>
/// <param name="Workspace">Where its input lies and its output goes.</param>
/// <param name="Seed">Reproduces the step's randomness.</param>
/// <param name="Progress">Told of every change worth showing; rate-limited by the receiver.</param>
/// <param name="Cancellation">Ctrl+C: the step stops soon and leaves its last checkpoint.</param>
public sealed record StepContext(
    Workspace Workspace, long Seed, IProgress<StepProgress> Progress, CancellationToken Cancellation)
{
    /// <summary>CPU threads to compute with.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Torch device to train on: <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>, ...</summary>
    public string Device { get; init; } = "cpu";
}
