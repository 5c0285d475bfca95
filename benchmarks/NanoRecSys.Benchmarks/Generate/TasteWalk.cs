namespace NanoRecSys.Benchmarks.Generate;

/// <summary>
/// What one user watches, in order: a walk through clusters of taste in which the last movie says most about the
/// next one. A model of the order can learn it, one of popularity cannot.
/// </summary>
internal sealed class TasteWalk(MovieWorld world)
{
    private const double Follow = 0.35; // one of the few movies that come after the last one
    private const double Stay = 0.30; // another of the same cluster
    private const double Move = 0.15; // on to one of the few clusters that come after this one
    private const double Return = 0.12; // back to a favourite of the user's own; the rest is whatever is popular
    private const double Drift = 0.1; // of those returns find that the favourite has changed
    private const int Favourites = 3;
    private const int Tries = 12; // Then the taste is exhausted and anything unseen will do: heavy users reach the tail.

    private readonly int[] _seenBy = new int[world.Items]; // the walk's number, which saves clearing
    private int _walk;

    /// <param name="items">Filled with distinct items, oldest first.</param>
    /// <param name="wanted">Items that must be among them, in any order; no more than there is room for.</param>
    /// <param name="random">The user's own stream.</param>
    public void Fill(Span<int> items, ReadOnlySpan<int> wanted, ref SplitMix random)
    {
        _walk++;
        foreach (int item in wanted)
        {
            _seenBy[item] = _walk;
        }

        Span<int> favourites = stackalloc int[Favourites];
        foreach (ref int favourite in favourites)
        {
            favourite = world.DrawCluster(ref random);
        }

        int cluster = favourites[0];
        int last = world.DrawIn(cluster, ref random);
        for (int t = 0; t < items.Length; t++)
        {
            // Every place is as likely to get one of the wanted.
            if (random.Next(items.Length - t) < wanted.Length)
            {
                items[t] = wanted[^1];
                wanted = wanted[..^1];
                continue;
            }

            last = DrawUnseen(ref cluster, last, favourites, ref random);
            items[t] = last;
        }
    }

    private int DrawUnseen(ref int cluster, int last, Span<int> favourites, ref SplitMix random)
    {
        for (int attempt = 0; attempt < Tries; attempt++)
        {
            int item = Step(ref cluster, last, favourites, ref random);
            if (_seenBy[item] != _walk)
            {
                _seenBy[item] = _walk;
                return item;
            }
        }

        int any = random.Next(world.Items);
        while (_seenBy[any] == _walk)
        {
            any = (any + 1) % world.Items;
        }

        _seenBy[any] = _walk;
        return any;
    }

    private int Step(ref int cluster, int last, Span<int> favourites, ref SplitMix random)
    {
        double choice = random.Unit();
        if (choice < Follow)
        {
            return world.DrawNextItem(last, ref random);
        }

        if (choice >= Follow + Stay + Move + Return)
        {
            return world.DrawPopular(ref random);
        }

        if (choice >= Follow + Stay + Move)
        {
            ref int favourite = ref favourites[random.Next(Favourites)];
            favourite = random.Unit() < Drift ? world.DrawNextCluster(favourite, ref random) : favourite;
            cluster = favourite;
        }
        else if (choice >= Follow + Stay)
        {
            cluster = world.DrawNextCluster(cluster, ref random);
        }

        return world.DrawIn(cluster, ref random);
    }
}
