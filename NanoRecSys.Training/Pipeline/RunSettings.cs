namespace NanoRecSys.Training.Pipeline;

/// <summary>What the common options say to every step of a run.</summary>
/// <param name="Workspace">Artifacts folder and data set.</param>
/// <param name="Seed">Of all randomness.</param>
/// <param name="Threads">CPU threads.</param>
/// <param name="Device">Torch device.</param>
public sealed record RunSettings(Workspace Workspace, long Seed, int Threads, string Device);
