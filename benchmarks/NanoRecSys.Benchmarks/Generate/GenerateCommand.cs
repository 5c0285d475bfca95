using System.Text.Unicode;

namespace NanoRecSys.Benchmarks.Generate;

/// <summary>The command <c>generate</c>: data of any size, with a structure that a model can learn.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        Option<string> output = new("--output") { Description = "Folder for ratings.csv and movies.csv.", Required = true };
        Option<int> users = new("--users") { Description = "Number of users.", DefaultValueFactory = _ => 138_000 };
        Option<int> items = new("--items") { Description = "Number of items, each rated at least once.", DefaultValueFactory = _ => 27_000 };
        Option<int> ratings = new("--ratings") { Description = "Number of ratings.", DefaultValueFactory = _ => 20_000_000 };
        Option<long> seed = new("--seed") { Description = "The same seed makes the same files.", DefaultValueFactory = _ => 1 };
        Command command = new("generate", "Generate a folder of ratings in MovieLens format; default: the size of ML-20M.") { output, users, items, ratings, seed };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(
            new GenerateOptions(parsed.GetRequiredValue(output), parsed.GetValue(users), parsed.GetValue(items), parsed.GetValue(ratings), parsed.GetValue(seed)),
            parsed.GetValue(JsonLine.Option), cancellation)));
        return command;
    }

    private static int Run(GenerateOptions options, bool json, CancellationToken cancellation)
    {
        Stopwatch clock = Stopwatch.StartNew();
        int[] activity;
        try
        {
            activity = WriteWithProgress(options, cancellation);
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            Console.Error.WriteLine(options.Impossible ?? e.Message);
            return 1;
        }

        Array.Sort(activity);
        double seconds = clock.Elapsed.TotalSeconds;
        int median = activity[activity.Length / 2];
        double mean = (double)options.Ratings / options.Users;
        AnsiConsole.Write(new Table().Title(Markup.Escape(options.Output)).AddColumns("figure", "value")
            .AddRow("users", $"{options.Users:N0}").AddRow("items", $"{options.Items:N0}").AddRow("ratings", $"{options.Ratings:N0}")
            .AddRow("ratings a user, least", $"{activity[0]:N0}").AddRow("ratings a user, median", $"{median:N0}")
            .AddRow("ratings a user, mean", $"{mean:0.0}").AddRow("ratings a user, most", $"{activity[^1]:N0}")
            .AddRow("seconds", $"{seconds:0.0}"));
        JsonLine.Write(json, new
        {
            output = options.Output,
            users = options.Users,
            items = options.Items,
            ratings = options.Ratings,
            seed = options.Seed,
            least = activity[0],
            median,
            mean,
            most = activity[^1],
            seconds,
        });

        return 0;
    }

    // On standard error, since standard output is for the table and the JSON.
    private static int[] WriteWithProgress(GenerateOptions options, CancellationToken cancellation)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask("ratings", maxValue: options.Ratings);
                return GeneratedData.Write(options, written => task.Value = written, cancellation);
            });
    }
}

/// <param name="Output">The folder; created if missing.</param>
/// <param name="Users">Each has at least one rating.</param>
/// <param name="Items">Each is rated at least once.</param>
/// <param name="Seed">The same seed makes the same files.</param>
internal sealed record GenerateOptions(string Output, int Users, int Items, int Ratings, long Seed)
{
    public const int LargestShare = 3; // a user rates at most one in this many items (ML-20M: a third of them)

    public int MostPerUser => Math.Max(1, Items / LargestShare);

    /// <summary>Why such data is impossible; null if it is possible.</summary>
    public string? Impossible =>
        Users < 1 || Items < 1 ? "There must be users and items."
        : Ratings < Users ? $"{Ratings} ratings are too few for {Users} users."
        : Ratings < Items ? $"{Ratings} ratings are too few for {Items} items."
        : Ratings > (long)Users * MostPerUser ? $"{Users} users can rate at most {(long)Users * MostPerUser} times: each rates up to a third of {Items} items."
        : null;
}

/// <summary>Writes a folder of synthetic ratings and movies in MovieLens format.</summary>
internal static class GeneratedData
{
    private const int UsersPerReport = 256;

    /// <param name="progress">Receives the number of ratings written.</param>
    /// <returns>[users] number of ratings.</returns>
    /// <exception cref="ArgumentException">The options are <see cref="GenerateOptions.Impossible"/>.</exception>
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

    /// <summary>Assigns every item to one user, so that all are rated; active users get more.</summary>
    /// <returns>[users][items], at most the user's number of ratings.</returns>
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

/// <summary><c>ratings.csv</c>, row by row, without allocating a string for each of 20 million rows.</summary>
internal sealed class RatingsWriter : IDisposable
{
    private const int LongestRow = 80;
    private readonly FileStream _file;

    public RatingsWriter(string path)
    {
        _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 20);
        _file.Write("userId,movieId,rating,timestamp\n"u8);
    }

    /// <param name="halfStars">1 to 10.</param>
    /// <param name="time">Seconds since 1970.</param>
    public void Write(int user, int movie, int halfStars, long time)
    {
        Span<byte> row = stackalloc byte[LongestRow];
        Utf8.TryWrite(row, $"{user},{movie},{halfStars / 2}.{halfStars % 2 * 5},{time}\n", out int length);
        _file.Write(row[..length]);
    }

    public void Dispose() => _file.Dispose();
}
