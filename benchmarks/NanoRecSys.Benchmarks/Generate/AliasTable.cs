namespace NanoRecSys.Benchmarks.Generate;

/// <summary>Draws by weight in constant time (Walker's alias method).</summary>
internal sealed class AliasTable
{
    private readonly double[] _keep; // [n] probability of drawing the column's own number
    private readonly int[] _other; // [n] the number drawn otherwise

    /// <param name="weights">[n] none negative, at least one positive.</param>
    public AliasTable(ReadOnlySpan<double> weights)
    {
        double total = 0;
        foreach (double weight in weights)
        {
            total += weight;
        }

        _keep = new double[weights.Length];
        _other = new int[weights.Length];
        Stack<int> small = [];
        Stack<int> large = [];
        for (int i = 0; i < weights.Length; i++)
        {
            _keep[i] = weights[i] / total * weights.Length;
            _other[i] = i;
            (_keep[i] < 1 ? small : large).Push(i);
        }

        // Each column that is too low is filled from one that is too high.
        while (small.TryPop(out int low) && large.TryPop(out int high))
        {
            _other[low] = high;
            _keep[high] -= 1 - _keep[low];
            (_keep[high] < 1 ? small : large).Push(high);
        }
    }

    public int Draw(ref SplitMix random)
    {
        int column = random.Next(_keep.Length);
        return random.Unit() < _keep[column] ? column : _other[column];
    }
}

/// <summary>
/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and with the same numbers on every .NET version, which
/// <see cref="Random"/> does not guarantee.
/// </summary>
internal struct SplitMix(ulong seed)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;
    private ulong _state = seed;

    /// <summary>An independent stream per number, such as one per user.</summary>
    public static SplitMix Stream(long seed, int number)
    {
        SplitMix mixer = new(unchecked((ulong)seed * Golden + (ulong)number));
        return new SplitMix(mixer.Next());
    }

    public ulong Next()
    {
        ulong z = _state += Golden;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>0 to <paramref name="limit"/> - 1.</summary>
    public int Next(int limit) => (int)(((Next() >> 32) * (ulong)limit) >> 32);

    /// <summary>In [0, 1).</summary>
    public double Unit() => (Next() >> 11) * (1.0 / (1L << 53));

    /// <summary>Normal with mean 0 and deviation 1 (Box and Muller).</summary>
    public double Normal() => Math.Sqrt(-2 * Math.Log(1 - Unit())) * Math.Cos(2 * Math.PI * Unit());

    /// <summary>Exponential with the given mean.</summary>
    public double Exponential(double mean) => -mean * Math.Log(1 - Unit());
}
