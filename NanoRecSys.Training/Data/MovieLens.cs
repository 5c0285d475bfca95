using System.IO.Compression;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>
/// Finds what <c>--data</c> names: <c>small</c> (the sample that ships with the program), one of GroupLens'
/// sets, or the path of a folder or a zip archive.
/// </summary>
internal static class DatasetSource
{
    public const string Small = TrainingNames.Sample;
    public static readonly Uri GroupLens = new("https://files.grouplens.org/datasets/movielens/");
    public static IReadOnlyList<string> KnownNames => TrainingNames.Datasets;
    private const string SampleFolder = "data/movielens-small";

    /// <summary>The prepared data's name: the set's own, or that of the folder or archive.</summary>
    public static string NameOf(string data)
    {
        if (data == Small || KnownNames.Contains(data))
        {
            return data == Small ? Path.GetFileName(SampleFolder) : data;
        }

        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(data));
        string name = IsZip(full) ? Path.GetFileNameWithoutExtension(full) : Path.GetFileName(full);
        return name.Length > 0 ? name : throw new UserErrorException($"--data {data} has no name. Set it to a folder or an archive.");
    }

    /// <exception cref="UserErrorException">Nothing of that name, it cannot be downloaded, or it holds no ratings.</exception>
    public static async Task<MovieLensSource> OpenAsync(PrepareOptions options, StepContext context)
    {
        string data = options.Data;
        return data == Small ? new MovieLensSource(MovieLensFolder.Open(FindSample()))
            : KnownNames.Contains(data) ? await OpenKnownAsync(options, context)
            : IsZip(data) && File.Exists(data) ? MovieLensArchive.Open(data)
            : Directory.Exists(data) ? new MovieLensSource(MovieLensFolder.Open(data))
            : throw new UserErrorException($"--data {data} is neither {Small}, {string.Join(", ", KnownNames)} nor an existing folder or .zip file.");
    }

    private static async Task<MovieLensSource> OpenKnownAsync(PrepareOptions options, StepContext context)
    {
        string downloads = Path.Combine(context.Workspace.Store.Root, "downloads");
        string[] places = [.. FromHereUpward("data/" + options.Data), Path.Combine(downloads, options.Data)];
        if (places.FirstOrDefault(MovieLensFolder.IsOne) is { } there)
        {
            return new MovieLensSource(MovieLensFolder.Open(there));
        }

        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(100) };
        string folder = await new MovieLensDownload(http, options.DownloadFrom, downloads).FetchAsync(options.Data, context.Progress, context.Cancellation);
        return new MovieLensSource(MovieLensFolder.Open(folder)) { WasDownloaded = true };
    }

    private static bool IsZip(string path) => Path.GetExtension(path).Equals(".zip", StringComparison.OrdinalIgnoreCase);

    private static string FindSample() => FromHereUpward(SampleFolder).FirstOrDefault(Directory.Exists)
        ?? throw new UserErrorException($"There is no {SampleFolder} in {Directory.GetCurrentDirectory()}, beside the program, or in a parent folder of either. Set --data to a folder.");

    private static IEnumerable<string> FromHereUpward(string relative)
    {
        foreach (string start in new[] { Directory.GetCurrentDirectory(), AppContext.BaseDirectory })
        {
            for (DirectoryInfo? at = new(start); at is not null; at = at.Parent)
            {
                yield return Path.Combine(at.FullName, relative);
            }
        }
    }
}

/// <summary>Opened data; dispose it to remove what was unpacked only for the reading.</summary>
/// <param name="Files">What to read.</param>
internal sealed record MovieLensSource(MovieLensFolder Files) : IDisposable
{
    /// <summary>Deleted on dispose; null where the files stay.</summary>
    public string? TemporaryFolder { get; init; }

    /// <summary>Whether opening it took a download.</summary>
    public bool WasDownloaded { get; init; }

    public void Dispose()
    {
        if (TemporaryFolder is not null)
        {
            AtomicFolder.DeleteIfExists(TemporaryFolder);
        }
    }
}

/// <summary>The files of one MovieLens edition, in whichever of its three formats.</summary>
/// <param name="RatingsPath">The ratings file.</param>
/// <param name="Separator">Between its fields.</param>
/// <param name="MoviesPath">Titles and genres, or null: ids then serve as titles.</param>
internal sealed record MovieLensFolder(string RatingsPath, string Separator, string? MoviesPath)
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
            [] => throw new UserErrorException($"{folder} contains no ratings.csv, ratings.dat or u.data. Set --data to a MovieLens folder or archive."),
            _ => throw new UserErrorException($"{folder} contains several ratings files ({string.Join(", ", found.Select(f => f.RatingsPath))}). Set --data to the folder of one of them."),
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

/// <summary>Unpacks what is read of a MovieLens zip archive.</summary>
internal static class MovieLensArchive
{
    /// <summary>Into a temporary folder that goes away with the result.</summary>
    /// <exception cref="UserErrorException">Not a zip archive, or it holds no ratings.</exception>
    public static MovieLensSource Open(string zip)
    {
        string folder = Directory.CreateTempSubdirectory("nanorecsys-").FullName;
        try
        {
            Unpack(zip, folder);
            return new MovieLensSource(MovieLensFolder.Open(folder)) { TemporaryFolder = folder };
        }
        catch
        {
            AtomicFolder.DeleteIfExists(folder);
            throw;
        }
    }

    /// <summary>
    /// Only the files that are read, each under its plain name, whatever folders the archive puts them in: no
    /// entry can name a place outside <paramref name="folder"/>, and what is not needed costs no disk.
    /// </summary>
    /// <exception cref="UserErrorException">Not a zip archive, damaged, or it holds no ratings.</exception>
    public static void Unpack(string zip, string folder)
    {
        try
        {
            using ZipArchive archive = ZipFile.OpenRead(zip);
            foreach (ZipArchiveEntry entry in archive.Entries.Where(e => MovieLensFolder.FileNames.Contains(e.Name)))
            {
                string target = Path.Combine(folder, entry.Name);
                if (File.Exists(target))
                {
                    throw new UserErrorException($"{zip} contains more than one {entry.Name}. Unpack it and set --data to the folder of one of them.");
                }

                entry.ExtractToFile(target);
            }
        }
        catch (InvalidDataException e)
        {
            throw new UserErrorException($"{zip} is not a complete zip archive: {e.Message}", e);
        }
    }
}
