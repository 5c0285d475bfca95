namespace NanoRecSys.Training.Indexing;

/// <summary>What every long part of building an index is told.</summary>
/// <param name="Seed">The same seed makes the same index, on any number of threads.</param>
/// <param name="Threads">Threads to use at most.</param>
/// <param name="Progress">Told the share that is done, 0 to 1.</param>
/// <param name="Cancellation">Stops it.</param>
public sealed record BuildControl(int Seed, int Threads, Action<double>? Progress = null, CancellationToken Cancellation = default)
{
    public ParallelOptions Parallel => new() { MaxDegreeOfParallelism = Math.Max(1, Threads), CancellationToken = Cancellation };

    /// <summary>For a part of the work: its progress from 0 to 1 becomes that from <paramref name="from"/> to <paramref name="to"/>.</summary>
    public BuildControl Part(double from, double to) => this with { Progress = share => Progress?.Invoke(from + share * (to - from)) };
}
