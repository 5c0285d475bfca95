namespace NanoRecSys.Benchmarks.Generate;

/// <summary>
/// The items: their popularity, their cluster of taste, and the items watched next.
/// </summary>
/// <remarks>
/// Popularity follows a Zipf-Mandelbrot law, 1 / (rank + q)^2 with q a ninetieth of the catalog, close to ML-20M's curve
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
            ClusterOf[item] = item < ClusterCount ? item : random.Next(ClusterCount); // No cluster is empty.
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
            next = _clusters.Draw(ref random); // By weight, so that the walks do not flatten the popularity distribution.
        }

        _nextItems = new int[items * NextItems];
        for (int i = 0; i < _nextItems.Length; i++)
        {
            _nextItems[i] = DrawIn(ClusterOf[i / NextItems], ref random);
        }
    }

    public int Items => ClusterOf.Length;
    public int ClusterCount { get; }
    public int[] ClusterOf { get; } // [V]

    /// <summary>Any item, by popularity.</summary>
    public int DrawPopular(ref SplitMix random) => _popular.Draw(ref random);

    /// <summary>An item of a cluster, by popularity.</summary>
    public int DrawIn(int cluster, ref SplitMix random) => _members[cluster][_inCluster[cluster].Draw(ref random)];

    public int DrawCluster(ref SplitMix random) => _clusters.Draw(ref random);

    /// <summary>One of the few clusters that users move to from this one.</summary>
    public int DrawNextCluster(int cluster, ref SplitMix random) => _nextClusters[cluster * NextClusters + random.Next(NextClusters)];

    /// <summary>One of the few items of the same cluster that users watch after this one.</summary>
    public int DrawNextItem(int item, ref SplitMix random) => _nextItems[item * NextItems + random.Next(NextItems)];

    // Ranks are assigned at random: a movie's id is independent of its popularity.
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

/// <summary><c>movies.csv</c>: ids with gaps, titles with years, genres that depend on the clusters.</summary>
internal static class MovieNames
{
    private const int LargestGap = 8; // As in MovieLens, ids have gaps, so that ids are not mistaken for rows.
    private const int FirstYear = 1930;
    private const int LastYear = 2014;

    private static readonly string[] Genres =
    [
        "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
        "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
    ];

    private static readonly string[] Qualities =
    [
        "Amber", "Broken", "Crimson", "Distant", "Electric", "Forgotten", "Golden", "Hidden", "Iron", "Last",
        "Midnight", "Northern", "Open", "Paper", "Quiet", "Restless", "Silver", "Tangled", "Unseen", "Winter",
    ];

    private static readonly string[] Things =
    [
        "Affair", "Bridge", "Canyon", "Detective", "Empire", "Family", "Garden", "Harbor", "Island", "Journey",
        "Kingdom", "Lantern", "Machine", "Night", "Orchard", "Promise", "River", "Station", "Tower", "Voyage",
    ];

    /// <returns>[V] ascending movie ids.</returns>
    public static int[] DrawIds(int items, long seed)
    {
        SplitMix random = SplitMix.Stream(seed, -3);
        var ids = new int[items];
        int id = 0;
        foreach (ref int own in ids.AsSpan())
        {
            own = id += 1 + random.Next(LargestGap);
        }

        return ids;
    }

    public static void Write(string path, ReadOnlySpan<int> ids, MovieWorld world, long seed)
    {
        SplitMix random = SplitMix.Stream(seed, -4);
        using StreamWriter file = new(path) { NewLine = "\n" };
        file.WriteLine("movieId,title,genres");
        for (int item = 0; item < ids.Length; item++)
        {
            string name = $"{Qualities[random.Next(Qualities.Length)]} {Things[random.Next(Things.Length)]}";
            int year = LastYear - (int)Math.Min(LastYear - FirstYear, random.Exponential(18)); // Most are recent.
            string title = random.Next(4) == 0 ? $"\"{name}, The ({year})\"" : $"{name} ({year})"; // The comma requires quotes.
            file.WriteLine($"{ids[item]},{title},{GenresOf(world.ClusterOf[item], ref random)}");
        }
    }

    // The cluster's main genre, often its second one, and sometimes one of the movie's own.
    private static string GenresOf(int cluster, ref SplitMix random)
    {
        SortedSet<string> genres = new(StringComparer.Ordinal) { Genres[cluster % Genres.Length] };
        if (random.Next(2) == 0)
        {
            genres.Add(Genres[(cluster / Genres.Length + 5 * cluster + 3) % Genres.Length]);
        }

        if (random.Next(5) == 0)
        {
            genres.Add(Genres[random.Next(Genres.Length)]);
        }

        return string.Join('|', genres);
    }
}

/// <summary>
/// What one user watches, in order: a walk through clusters of taste in which the last movie best predicts the
/// next one. A sequential model can learn it; a popularity model cannot.
/// </summary>
internal sealed class TasteWalk(MovieWorld world)
{
    private const double Follow = 0.35; // one of the few movies that follow the last one
    private const double Stay = 0.30; // another of the same cluster
    private const double Move = 0.15; // on to one of the few clusters that follow this one
    private const double Return = 0.12; // back to one of the user's favourites; the rest is any popular movie
    private const double Drift = 0.1; // share of those returns after which the favourite changes
    private const int Favourites = 3;
    private const int Tries = 12; // After that, any unseen movie will do, so that heavy users reach the tail.

    private readonly int[] _seenBy = new int[world.Items]; // number of the walk, to avoid clearing
    private int _walk;

    /// <param name="items">Filled with distinct items, oldest first.</param>
    /// <param name="wanted">Items that must be included, in any order; at most as many as fit.</param>
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
            // Every position is equally likely to get one of the wanted items.
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

/// <summary>
/// Number of ratings per user: a minimum plus a log-normal, as in ML-20M (least 20, median 68, mean 144).
/// </summary>
internal static class UserActivity
{
    private const int Least = 20; // GroupLens excludes users with fewer.
    private const double Spread = 1.38; // Deviation of the logarithm of the count above the minimum: median 48 and mean 124 in ML-20M.

    /// <returns>[users] at least one each; their sum is exactly <see cref="GenerateOptions.Ratings"/>.</returns>
    public static int[] Draw(GenerateOptions options)
    {
        SplitMix random = SplitMix.Stream(options.Seed, -1);
        int least = Math.Clamp(options.Ratings / options.Users / 2, 1, Math.Min(Least, options.MostPerUser));
        var weights = new double[options.Users];
        double total = 0;
        foreach (ref double weight in weights.AsSpan())
        {
            weight = Math.Exp(Spread * random.Normal());
            total += weight;
        }

        double scale = (options.Ratings - (double)least * options.Users) / total;
        var counts = new int[options.Users];
        long left = options.Ratings;
        for (int user = 0; user < counts.Length; user++)
        {
            counts[user] = (int)Math.Min(options.MostPerUser, least + Math.Floor(weights[user] * scale));
            left -= counts[user];
        }

        // The remainder from rounding and from the limit also goes to active users, or to the next user below the limit.
        AliasTable byWeight = new(weights);
        for (; left > 0; left--)
        {
            int user = byWeight.Draw(ref random);
            while (counts[user] == options.MostPerUser)
            {
                user = (user + 1) % counts.Length;
            }

            counts[user]++;
        }

        return counts;
    }
}

/// <summary>Turns a user's movies into rows: when each was rated, and how.</summary>
/// <param name="ids">[V] ascending movie ids.</param>
internal sealed class UserRatings(int[] ids)
{
    private static readonly long First = new DateTimeOffset(1996, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();
    private static readonly long Last = new DateTimeOffset(2015, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();
    private const int SessionLength = 40; // On average; users rate many movies in one session.
    private const double SecondsBetween = 20;
    private const double DaysBetween = 30;

    private (int Item, long Time)[] _rows = [];

    /// <summary>Rows in order of movie id, as in MovieLens: the reader must sort by time.</summary>
    /// <param name="items">Oldest first.</param>
    /// <param name="file">The file to write to.</param>
    public void Write(int user, ReadOnlySpan<int> items, RatingsWriter file, ref SplitMix random)
    {
        if (_rows.Length < items.Length)
        {
            _rows = new (int, long)[items.Length];
        }

        long time = First + (long)(random.Unit() * (Last - First));
        double taste = 3.5 + 0.4 * random.Normal(); // stars, on average
        for (int t = 0; t < items.Length; t++)
        {
            _rows[t] = (items[t], time);
            time += 1 + (long)(random.Next(SessionLength) == 0 ? random.Exponential(DaysBetween * 86_400) : random.Exponential(SecondsBetween));
        }

        Span<(int Item, long Time)> rows = _rows.AsSpan(0, items.Length);
        rows.Sort();
        foreach ((int item, long at) in rows)
        {
            double stars = taste + Quality(item) + 0.8 * random.Normal();
            file.Write(user, ids[item], (int)Math.Clamp(Math.Round(2 * stars), 1, 10), at);
        }
    }

    /// <summary>Stars that a movie gets above or below a user's average, the same for all users.</summary>
    private static double Quality(int item) => SplitMix.Stream(0, item).Unit() - 0.5;
}
