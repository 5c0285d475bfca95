using System.IO.Compression;
using System.IO.Hashing;
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

        if (string.IsNullOrWhiteSpace(data))
        {
            throw new UserErrorException("--data is empty. Set it to a data set's name, a folder or an archive.");
        }

        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(data));
        string name = IsZip(full) ? Path.GetFileNameWithoutExtension(full) : Path.GetFileName(full);
        return name.Length > 0 ? name : throw new UserErrorException($"--data {data} has no name. Set it to a folder or an archive.");
    }

    /// <exception cref="UserErrorException">Nothing of that name, it cannot be downloaded, or it holds no ratings.</exception>
    public static async Task<MovieLensSource> OpenAsync(PrepareOptions options, StepContext context)
    {
        if (Find(options.Data, context.Workspace) is { } there)
        {
            return IsArchive(there) ? MovieLensArchive.Open(there) : new MovieLensSource(MovieLensFolder.Open(there), there);
        }

        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(100) };
        string folder = await new MovieLensDownload(http, options.DownloadFrom, DownloadsOf(context.Workspace))
            .FetchAsync(options.Data, context.Progress, context.Cancellation);
        return new MovieLensSource(MovieLensFolder.Open(folder), folder) { WasDownloaded = true };
    }

    /// <summary>
    /// Requires the prepared data, if there is any, to be made of what <c>--data</c> names: only the last part of a path names it.
    /// A copy at another place is the same data.
    /// </summary>
    /// <exception cref="UserErrorException">Other files, or they changed since.</exception>
    public static async Task RequireUnchangedAsync(string data, Workspace workspace, CancellationToken cancellation)
    {
        // A known set that is not here any more cannot have changed.
        if (Find(data, workspace) is not { } there || await PreparedData.ReadSummaryAsync(workspace.DataFolder, cancellation) is not { } prepared)
        {
            return;
        }

        SourceFiles files = await SourceFiles.OfAsync(there, cancellation);
        if ((files.Sha256, files.MoviesSha256) != (prepared.Sha256, prepared.MoviesSha256))
        {
            throw new UserErrorException(files.Source == prepared.Source
                ? $"{files.Source}, or the movies file beside it, changed after 'prepare'. Run 'prepare' and the steps after it again."
                : $"The prepared data in {workspace.DataFolder} comes from {prepared.Source}, --data names {files.Source}, which has other contents. "
                    + "Run 'prepare' with this --data, or use another --artifacts folder.");
        }
    }

    /// <returns>Path of a folder or an archive; null for a known set that must be downloaded.</returns>
    /// <exception cref="UserErrorException">Nothing of that name.</exception>
    private static string? Find(string data, Workspace workspace) =>
        data == Small ? FindSample()
        : KnownNames.Contains(data) ? FromHereUpward("data/" + data).Append(Path.Combine(DownloadsOf(workspace), data)).FirstOrDefault(MovieLensFolder.IsOne)
        : Directory.Exists(data) || IsArchive(data) ? Path.GetFullPath(data)
        : throw new UserErrorException($"--data {data} is neither {Small}, {string.Join(", ", KnownNames)} nor an existing folder or .zip file.");

    private static string DownloadsOf(Workspace workspace) => Path.Combine(workspace.Store.Root, "downloads");

    private static bool IsArchive(string path) => IsZip(path) && File.Exists(path);

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

/// <summary>The files that prepared data comes from, and their contents.</summary>
/// <param name="Source">The ratings file or the archive.</param>
/// <param name="Sha256">Of that file, lower-case hex.</param>
/// <param name="MoviesSha256">
/// Of the movies file beside the ratings, followed by that of the genres file; empty where there is neither, and null for an archive, which has its own inside.
/// </param>
internal sealed record SourceFiles(string Source, string Sha256, string? MoviesSha256)
{
    /// <param name="place">Folder or archive.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <exception cref="UserErrorException">A folder without ratings.</exception>
    public static async Task<SourceFiles> OfAsync(string place, CancellationToken cancellation)
    {
        if (File.Exists(place))
        {
            return new SourceFiles(place, await FileHash.OfAsync(place, cancellation), null);
        }

        MovieLensFolder folder = MovieLensFolder.Open(place);
        string ratings = Path.GetFullPath(folder.Ratings.Path);
        return new SourceFiles(
            ratings, await FileHash.OfAsync(ratings, cancellation),
            await HashOfAsync(folder.Movies, cancellation) + await HashOfAsync(folder.Genres, cancellation));
    }

    private static async Task<string?> HashOfAsync(DataFile? file, CancellationToken cancellation) =>
        file is null ? null : await FileHash.OfAsync(file.Path, cancellation);
}

/// <summary>Opened data; dispose it to remove what was unpacked only for the reading.</summary>
/// <param name="Files">What to read.</param>
/// <param name="Place">The folder or the archive that they are in.</param>
internal sealed record MovieLensSource(MovieLensFolder Files, string Place) : IDisposable
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

/// <summary>The files of one MovieLens edition, in whichever of its three formats. Letter case of their names does not matter.</summary>
/// <param name="Ratings">The ratings file.</param>
/// <param name="Format">Its format.</param>
/// <param name="Movies">Titles and genres, or null: ids then serve as titles.</param>
/// <param name="Genres">Names of the flags of <c>u.item</c>, or null.</param>
internal sealed record MovieLensFolder(DataFile Ratings, MovieLensFormat Format, DataFile? Movies, DataFile? Genres)
{
    /// <summary>What is worth unpacking from an archive: every file that is read, and the terms of use.</summary>
    public static readonly IReadOnlySet<string> FileNames = new HashSet<string>(
        [.. MovieLensFormat.All.SelectMany(format => new[] { format.Ratings, format.Movies }), MovieLensFormat.GenresName, "README", "README.txt"], StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether <see cref="Open"/> would find ratings right in the folder.</summary>
    public static bool IsOne(string folder) => Directory.Exists(folder) && TryOpen(folder, folder) is not null;

    /// <summary>Looks in the folder, then in the folders inside it (an archive's own top folder).</summary>
    /// <param name="folder">Its path.</param>
    /// <param name="shownAs">What messages name instead: the archive that was unpacked there.</param>
    /// <exception cref="UserErrorException">No ratings file there, or several.</exception>
    public static MovieLensFolder Open(string folder, string? shownAs = null)
    {
        if (!Directory.Exists(folder))
        {
            throw new UserErrorException($"There is no folder {folder}.");
        }

        string name = shownAs ?? folder;
        MovieLensFolder[] found = TryOpen(folder, name) is { } direct ? [direct]
            : [.. Directory.EnumerateDirectories(folder).Select(inner => TryOpen(inner, Path.Combine(name, Path.GetFileName(inner)))).OfType<MovieLensFolder>()];
        return found switch
        {
            [var only] => only,
            [] => throw new UserErrorException($"{name} contains no ratings.csv, ratings.dat or u.data. Set --data to a MovieLens folder or archive."),
            _ => throw new UserErrorException($"{name} contains several ratings files ({string.Join(", ", found.Select(f => f.Ratings.Name))}). Set --data to the folder of one of them."),
        };
    }

    /// <exception cref="UserErrorException">A row cannot be read.</exception>
    public InteractionTable ReadRatings(Action<double>? progress, CancellationToken cancellation) =>
        RatingsReader.Read(Ratings, Format.Separator, progress, cancellation);

    /// <summary>Empty where there is no movies file.</summary>
    /// <param name="notes">Receives what the user should know about it.</param>
    /// <exception cref="UserErrorException">A row cannot be read.</exception>
    public IReadOnlyList<MovieRow> ReadMovies(ICollection<string> notes)
    {
        if (Movies is null)
        {
            notes.Add($"There is no {Format.Movies} beside {Ratings.Name}: items have no titles and genres, and go by their ids.");
            return [];
        }

        return Format.Separator switch
        {
            "," => MoviesReader.ReadCsv(Movies, notes),
            "::" => MoviesReader.ReadDat(Movies, notes),
            _ => MoviesReader.ReadItem(Movies, Genres, notes),
        };
    }

    private static MovieLensFolder? TryOpen(string folder, string name)
    {
        string[] files = [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)).Where(FileNames.Contains)];
        MovieLensFolder[] found = [.. MovieLensFormat.All
            .Select(format => Find(format.Ratings) is { } ratings ? new MovieLensFolder(ratings, format, Find(format.Movies), Find(MovieLensFormat.GenresName)) : null)
            .OfType<MovieLensFolder>()];
        return found.Length <= 1
            ? found.FirstOrDefault()
            : throw new UserErrorException($"{name} contains ratings in several formats ({string.Join(", ", found.Select(one => Path.GetFileName(one.Ratings.Path)))}). Keep one of them.");

        DataFile? Find(string wanted)
        {
            string[] spellings = [.. files.Where(file => file.Equals(wanted, StringComparison.OrdinalIgnoreCase))];
            string? file = spellings.Length > 1 && !spellings.Contains(wanted)
                ? throw new UserErrorException($"{name} contains {string.Join(" and ", spellings.Order(StringComparer.Ordinal))}. Keep one of them.")
                : spellings.Contains(wanted) ? wanted : spellings.FirstOrDefault();
            return file is null ? null : new DataFile(Path.Combine(folder, file), Path.Combine(name, file));
        }
    }
}

/// <summary>Names and separator of one of MovieLens' formats.</summary>
internal sealed record MovieLensFormat(string Ratings, string Separator, string Movies)
{
    public const string GenresName = "u.genre";

    public static readonly IReadOnlyList<MovieLensFormat> All =
        [new("ratings.csv", ",", "movies.csv"), new("ratings.dat", "::", "movies.dat"), new("u.data", "\t", "u.item")];
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
            return new MovieLensSource(MovieLensFolder.Open(folder, shownAs: zip), zip) { TemporaryFolder = folder };
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
            var unpacked = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            foreach (ZipArchiveEntry entry in archive.Entries.Where(e => MovieLensFolder.FileNames.Contains(e.Name)))
            {
                if (!unpacked.Add(entry.Name))
                {
                    throw new UserErrorException($"{zip} contains more than one {entry.Name}. Unpack it and set --data to the folder of one of them.");
                }

                string path = Path.Combine(folder, entry.Name);
                entry.ExtractToFile(path);
                if (ChecksumOf(path) != entry.Crc32) // which ZipArchive leaves to its caller
                {
                    throw new UserErrorException($"{zip} is damaged: the checksum of {entry.FullName} does not match. Copy or download the archive again.");
                }
            }
        }
        catch (InvalidDataException e)
        {
            throw new UserErrorException($"{zip} is not a complete zip archive: {e.Message}", e);
        }
    }

    private static uint ChecksumOf(string path)
    {
        var checksum = new Crc32();
        using FileStream file = File.OpenRead(path);
        checksum.Append(file);
        return checksum.GetCurrentHashAsUInt32();
    }
}
