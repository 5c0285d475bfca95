namespace NanoRecSys.Benchmarks.Generate;

/// <summary>Writes a MovieLens-format folder of movies that do not exist and people who never watched them.</summary>
internal static class GeneratedData
{
    private const int UsersPerReport = 256;

    /// <param name="options">How much of it.</param>
    /// <param name="progress">Told how many ratings are written.</param>
    /// <param name="cancellation">Stops between users.</param>
    /// <returns>[users] how much each rated.</returns>
    /// <exception cref="ArgumentException">The numbers are <see cref="GenerateOptions.Impossible"/>.</exception>
    public static int[] Write(GenerateOptions options, Action<long> progress, CancellationToken cancellation)
    {
        if (options.Impossible is { } reason)
        {
            throw new ArgumentException(reason, nameof(options));
        }

        Directory.CreateDirectory(options.Output);
        MovieWorld world = new(options.Items, options.Seed);
        int[] ids = MovieNames.DrawIds(options.Items, options.Seed);
        MovieNames.Write(Path.Combine(options.Output, "movies.csv"), ids, world, options.Seed);

        int[] activity = UserActivity.Draw(options);
        int[][] wanted = DealItems(options, activity);
        TasteWalk walk = new(world);
        UserRatings ratings = new(ids);
        var items = new int[activity.Max()];
        using RatingsWriter file = new(Path.Combine(options.Output, "ratings.csv"));
        long written = 0;
        for (int user = 0; user < activity.Length; user++)
        {
            SplitMix random = SplitMix.Stream(options.Seed, user);
            Span<int> own = items.AsSpan(0, activity[user]);
            walk.Fill(own, wanted[user], ref random);
            ratings.Write(user + 1, own, file, ref random);
            written += own.Length;
            if (user % UsersPerReport == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                progress(written);
            }
        }

        progress(written);
        return activity;
    }

    /// <summary>Deals every item to one user, so that none is never rated; active users get more of them.</summary>
    /// <returns>[users][items] never more than the user rates.</returns>
    private static int[][] DealItems(GenerateOptions options, int[] activity)
    {
        SplitMix random = SplitMix.Stream(options.Seed, -5);
        AliasTable byActivity = new(Array.ConvertAll(activity, count => (double)count));
        var dealt = new List<int>?[activity.Length];
        for (int item = 0; item < options.Items; item++)
        {
            int user = byActivity.Draw(ref random);
            while (dealt[user]?.Count == activity[user])
            {
                user = (user + 1) % activity.Length;
            }

            (dealt[user] ??= []).Add(item);
        }

        return Array.ConvertAll(dealt, items => items?.ToArray() ?? []);
    }
}
