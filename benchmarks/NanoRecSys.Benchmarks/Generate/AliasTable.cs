namespace NanoRecSys.Benchmarks.Generate;

/// <summary>Draws by weight in constant time (Walker's alias method).</summary>
internal sealed class AliasTable
{
    private readonly double[] _keep; // [n] chance that a column's own number is drawn
    private readonly int[] _other; // [n] what is drawn otherwise

    /// <param name="weights">[n] none negative, some positive.</param>
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

        // Each column that is too low is filled up from one that is too high.
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
