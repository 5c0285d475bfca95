namespace NanoRecSys.Web.Components.Recommend;

/// <summary>The same throws for the same seed, on every machine and in every version.</summary>
public sealed class Dice(int seed)
{
    // A multiplier and a mixing step as in PCG; neighbouring ids must not look alike.
    private ulong _state = unchecked(((ulong)seed + 1) * 0x9E3779B97F4A7C15UL);

    /// <returns>A number in [low, high).</returns>
    public double Next(double low, double high)
    {
        _state = unchecked(_state * 6364136223846793005UL + 1442695040888963407UL);
        ulong mixed = (_state ^ (_state >> 29)) * 0xBF58476D1CE4E5B9UL;
        return low + (high - low) * ((mixed >> 11) * (1.0 / (1UL << 53)));
    }
}
