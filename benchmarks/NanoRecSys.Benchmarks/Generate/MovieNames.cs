using System.Globalization;

namespace NanoRecSys.Benchmarks.Generate;

/// <summary><c>movies.csv</c>: ids with gaps, titles with years, genres that go with the clusters.</summary>
internal static class MovieNames
{
    private const int LargestGap = 8; // MovieLens' ids have gaps, and readers must not take them for rows.
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
            string title = random.Next(4) == 0 ? $"\"{name}, The ({year})\"" : $"{name} ({year})"; // The comma needs quotes.
            file.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ids[item]},{title},{GenresOf(world.ClusterOf[item], ref random)}"));
        }
    }

    // A cluster's main genre, often its second one, and now and then one of the movie's own.
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
