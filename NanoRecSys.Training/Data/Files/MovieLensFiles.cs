namespace NanoRecSys.Training.Data.Files;

/// <summary>What the files of MovieLens are known to have, with or without a header.</summary>
/// <param name="IsOpen">Whether further columns follow: the flags of the genres.</param>
internal sealed record MovieLensFiles(string FileName, string Delimiter, IReadOnlyList<string> Columns, bool IsOpen = false)
{
    public const string Genres = "u.genre";

    private static readonly string[] Ratings = ["userId", "movieId", "rating", "timestamp"];
    private static readonly string[] Movies = ["movieId", "title", "genres"];

    private static readonly MovieLensFiles[] All =
    [
        new("ratings.dat", "::", Ratings),
        new("u.data", "\t", Ratings),
        new("movies.dat", "::", Movies),
        new("u.item", "|", ["movieId", "title", "release_date", "video_release_date", "imdb_url"], IsOpen: true),
    ];

    private static readonly MovieLensFiles[] WithHeader = [new("ratings.csv", ",", Ratings), new("movies.csv", ",", Movies)];

    public static bool IsRatings(string path) => Array.Exists([.. All, .. WithHeader], one => one.Columns == Ratings && one.IsNamed(path));

    /// <summary>Whether a file describes films: their list, or the names of their genres.</summary>
    public static bool IsMovies(string path) => IsGenres(path) || Array.Exists([.. All, .. WithHeader], one => one.Columns != Ratings && one.IsNamed(path));

    public static bool IsTerms(string name) => name is "README" or "README.txt";

    public static bool IsGenres(string path) => Path.GetFileName(path).Equals(Genres, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it is one of MovieLens' lists of films, whose titles end with the year.</summary>
    public static bool IsFilms(DataTable table) =>
        table.Columns.SequenceEqual(Movies, StringComparer.OrdinalIgnoreCase) || (IsMovies(table.File.Name) && Find(table.File.Name) is not null);

    public static bool AreIn(string folder) => Directory.Exists(folder) && Directory.EnumerateFiles(folder).Any(IsRatings);

    public static bool IsOne(string name) => IsGenres(name) || Find(name) is not null;

    public static MovieLensFiles? Find(string name) => Array.Find(All, one => one.IsNamed(name));

    /// <summary>Names of the columns of a file that has lost its header, by its name and their number.</summary>
    public static IReadOnlyList<string>? NamesOf(string name, int columns) =>
        Array.Find(WithHeader, one => one.IsNamed(name) && one.Columns.Count == columns)?.Columns;

    private bool IsNamed(string name) => FileName.Equals(Path.GetFileName(name), StringComparison.OrdinalIgnoreCase);
}
