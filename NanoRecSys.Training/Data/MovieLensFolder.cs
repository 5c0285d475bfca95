using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>The files of one MovieLens edition, in whichever of its three formats.</summary>
/// <param name="RatingsPath">The ratings file.</param>
/// <param name="Separator">Between its fields.</param>
/// <param name="MoviesPath">Titles and genres, or null: ids then serve as titles.</param>
public sealed record MovieLensFolder(string RatingsPath, string Separator, string? MoviesPath)
{
    /// <summary>What is worth unpacking from an archive: every file that is read, and the terms of use.</summary>
    public static readonly IReadOnlySet<string> FileNames = new HashSet<string>(
        ["ratings.csv", "movies.csv", "ratings.dat", "movies.dat", "u.data", "u.item", "u.genre", "README", "README.txt"], StringComparer.OrdinalIgnoreCase);

    private static readonly (string Ratings, string Separator, string Movies)[] Formats =
        [("ratings.csv", ",", "movies.csv"), ("ratings.dat", "::", "movies.dat"), ("u.data", "\t", "u.item")];

    /// <summary>Whether <see cref="Open"/> would find ratings right in the folder.</summary>
    public static bool IsOne(string folder) => Directory.Exists(folder) && TryOpen(folder) is not null;

    /// <summary>Looks in the folder, then in the folders inside it (an archive's own top folder).</summary>
    /// <exception cref="UserErrorException">No ratings file there, or several folders that have one.</exception>
    public static MovieLensFolder Open(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new UserErrorException($"There is no folder {folder}.");
        }

        MovieLensFolder[] found = TryOpen(folder) is { } direct ? [direct] : [.. Directory.EnumerateDirectories(folder).Select(TryOpen).OfType<MovieLensFolder>()];
        return found switch
        {
            [var only] => only,
            [] => throw new UserErrorException($"{folder} holds no ratings.csv, ratings.dat or u.data. Give --data a MovieLens folder or archive."),
            _ => throw new UserErrorException($"{folder} holds several ratings files ({string.Join(", ", found.Select(f => f.RatingsPath))}). Give --data the folder of one."),
        };
    }

    /// <exception cref="UserErrorException">A row cannot be read.</exception>
    public InteractionTable ReadRatings(Action<double>? progress, CancellationToken cancellation) =>
        RatingsReader.Read(RatingsPath, Separator, progress, cancellation);

    /// <summary>Empty where there is no movies file.</summary>
    /// <exception cref="UserErrorException">A row cannot be read.</exception>
    public IReadOnlyList<MovieRow> ReadMovies() => Path.GetExtension(MoviesPath) switch
    {
        null => [],
        ".csv" => MoviesReader.ReadCsv(MoviesPath!),
        ".dat" => MoviesReader.ReadDat(MoviesPath!),
        _ => MoviesReader.ReadItem(MoviesPath!, Path.Combine(Path.GetDirectoryName(MoviesPath)!, "u.genre")),
    };

    private static MovieLensFolder? TryOpen(string folder) => Formats
        .Where(format => File.Exists(Path.Combine(folder, format.Ratings)))
        .Select(format => new MovieLensFolder(Path.Combine(folder, format.Ratings), format.Separator, ExistingOrNull(Path.Combine(folder, format.Movies))))
        .FirstOrDefault();

    private static string? ExistingOrNull(string path) => File.Exists(path) ? path : null;
}
