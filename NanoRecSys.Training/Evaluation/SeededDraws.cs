namespace NanoRecSys.Training.Evaluation;

/// <summary>
/// Random numbers of one of many independent streams (SplitMix64; Steele, Lea and Flood, 2014). Seeding
/// <see cref="Random"/> anew for each user or resample would cost more than the draws.
/// </summary>
internal struct SeededDraws(long seed, long stream)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = Mix((ulong)seed + Golden) ^ Mix((ulong)stream * Golden + 1);

    /// <summary>Uniform in [0, bound); the bias of the multiplication is below bound / 2^64.</summary>
    public long Next(long bound)
    {
        _state += Golden;
        return (long)Math.BigMul(Mix(_state), (ulong)bound, out _);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }
}
