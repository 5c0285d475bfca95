namespace NanoRecSys.Benchmarks.Generate;

/// <summary>
/// The items: how popular each is, which cluster of taste it belongs to, and what is watched after it.
/// </summary>
/// <remarks>
/// Popularity is Zipf and Mandelbrot's, 1 / (rank + q)^2 with q a ninetieth of the catalogue: near ML-20M's curve
/// (rank 1 is about 19 times rank 1,000 and 300 times rank 5,000).
/// </remarks>
internal sealed class MovieWorld
{
    private const double Exponent = 2;
    private const double FlatShare = 1 / 90.0;
    private const int ItemsPerCluster = 60;
    private const int NextClusters = 3;
    private const int NextItems = 6;

    private readonly AliasTable _popular;
    private readonly AliasTable _clusters;
    private readonly AliasTable[] _inCluster; // [C] over the cluster's members
    private readonly int[][] _members; // [C][members]
    private readonly int[] _nextClusters; // [C, NextClusters]
    private readonly int[] _nextItems; // [V, NextItems]

    public MovieWorld(int items, long seed)
    {
        SplitMix random = SplitMix.Stream(seed, -2);
        double[] weights = Popularity(items, ref random);
        ClusterCount = Math.Clamp(items / ItemsPerCluster, 1, 400);
        ClusterOf = new int[items];
        for (int item = 0; item < items; item++)
        {
            ClusterOf[item] = item < ClusterCount ? item : random.Next(ClusterCount); // None is empty.
        }

        _popular = new AliasTable(weights);
        _members = [.. Enumerable.Range(0, ClusterCount).Select(_ => Array.Empty<int>())];
        foreach (IGrouping<int, int> cluster in Enumerable.Range(0, items).GroupBy(item => ClusterOf[item]))
        {
            _members[cluster.Key] = [.. cluster];
        }

        _inCluster = Array.ConvertAll(_members, members => new AliasTable(Array.ConvertAll(members, item => weights[item])));
        _clusters = new AliasTable(Array.ConvertAll(_members, members => members.Sum(item => weights[item])));
        _nextClusters = new int[ClusterCount * NextClusters];
        foreach (ref int next in _nextClusters.AsSpan())
        {
            next = _clusters.Draw(ref random); // By weight, so that the walks do not flatten the popularity.
        }

        _nextItems = new int[items * NextItems];
        for (int i = 0; i < _nextItems.Length; i++)
        {
            _nextItems[i] = DrawIn(ClusterOf[i / NextItems], ref random);
        }
    }

    public int Items => ClusterOf.Length;

    public int ClusterCount { get; }

    /// <summary>[V]</summary>
    public int[] ClusterOf { get; }

    /// <summary>Any item, by popularity.</summary>
    public int DrawPopular(ref SplitMix random) => _popular.Draw(ref random);

    /// <summary>An item of a cluster, by popularity.</summary>
    public int DrawIn(int cluster, ref SplitMix random) => _members[cluster][_inCluster[cluster].Draw(ref random)];

    public int DrawCluster(ref SplitMix random) => _clusters.Draw(ref random);

    /// <summary>One of the few clusters that people go on to from this one.</summary>
    public int DrawNextCluster(int cluster, ref SplitMix random) => _nextClusters[cluster * NextClusters + random.Next(NextClusters)];

    /// <summary>One of the few items of the same cluster that people watch after this one.</summary>
    public int DrawNextItem(int item, ref SplitMix random) => _nextItems[item * NextItems + random.Next(NextItems)];

    // Ranks are dealt out at random: a movie's id says nothing about its popularity.
    private static double[] Popularity(int items, ref SplitMix random)
    {
        var weights = new double[items];
        for (int rank = 0; rank < items; rank++)
        {
            weights[rank] = Math.Pow(rank + 1 + FlatShare * items, -Exponent);
        }

        for (int i = items - 1; i > 0; i--)
        {
            int other = random.Next(i + 1);
            (weights[i], weights[other]) = (weights[other], weights[i]);
        }

        return weights;
    }
}
