using System.IO.Compression;
using System.IO.Hashing;

namespace NanoRecSys.Training.Data.Files;

/// <summary>A file, a folder, a pattern or a zip archive, and the data files in it.</summary>
internal sealed record DataPlace(string Path)
{
    private static readonly string[] AllBelow = ["**", "*"];

    public bool IsArchive => FileKind.IsZip(Path) && File.Exists(Path);

    public bool IsFile => File.Exists(Path) && !FileKind.IsZip(Path);

    /// <summary>Base of relative file names.</summary>
    public string Folder => Directory.Exists(Path) ? Path : IsPattern(Path) ? PatternFolder(Path) : System.IO.Path.GetDirectoryName(Path)!;

    /// <returns>Null if nothing has that name.</returns>
    public static DataPlace? Find(string data)
    {
        string full = System.IO.Path.GetFullPath(data);
        return Directory.Exists(full) || File.Exists(full) || (IsPattern(full) && Matches(full).Any()) ? new DataPlace(full) : null;
    }

    /// <summary>The last part of the name, without extensions that name the format.</summary>
    public static string NameOf(string data)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(data));
        if (IsPattern(full) && !File.Exists(full) && !Directory.Exists(full))
        {
            return System.IO.Path.GetFileName(PatternFolder(full));
        }

        return File.Exists(full) || FileKind.IsZip(full)
            ? System.IO.Path.GetFileNameWithoutExtension(FileKind.Uncompressed(full))
            : System.IO.Path.GetFileName(full);
    }

    /// <summary>The data files in order of name: those directly in a folder, or else those in its subfolders. Not for an archive.</summary>
    public IReadOnlyList<DataFile> Files()
    {
        IEnumerable<string> paths = IsFile ? [Path] : Directory.Exists(Path) ? InFolder(Path) : Matches(Path).Where(FileKind.IsData);
        return [.. paths.Order(StringComparer.Ordinal).Select(path => (DataFile)path)];
    }

    /// <summary>Unpacks possible data files, each under its plain name, ignoring the archive's folders: no entry can name a path outside
    /// <paramref name="folder"/>, and files that are not needed take no disk space.</summary>
    public IReadOnlyList<DataFile> Unpack(string folder)
    {
        try
        {
            using ZipArchive archive = ZipFile.OpenRead(Path);
            ZipArchiveEntry[] entries = [.. archive.Entries.Where(entry => FileKind.IsData(entry.Name))];
            bool isMovieLens = Array.Exists(entries, entry => MovieLensFiles.IsRatings(entry.Name)) && Array.Exists(entries, entry => MovieLensFiles.IsMovies(entry.Name));
            if (isMovieLens)
            {
                entries = [.. archive.Entries.Where(entry => MovieLensFiles.IsRatings(entry.Name) || MovieLensFiles.IsMovies(entry.Name) || MovieLensFiles.IsTerms(entry.Name))];
            }

            var files = new List<DataFile>();
            foreach (ZipArchiveEntry entry in entries.OrderBy(entry => entry.Name, StringComparer.Ordinal))
            {
                UserErrorException.ThrowIf(files.Exists(file => System.IO.Path.GetFileName(file.Path).Equals(entry.Name, StringComparison.OrdinalIgnoreCase)),
                    $"{Path} contains more than one {entry.Name}. Unpack it and set --data to the folder of one of them.");

                files.Add(new DataFile(System.IO.Path.Combine(folder, entry.Name), System.IO.Path.Combine(Path, entry.Name)));
                entry.ExtractToFile(files[^1].Path);
                if (ChecksumOf(files[^1].Path) != entry.Crc32) // ZipArchive leaves this check to its caller
                {
                    throw new UserErrorException($"{Path} is damaged: the checksum of {entry.FullName} does not match. Copy or download the archive again.");
                }
            }

            return files.FindAll(file => FileKind.IsData(file.Path));
        }
        catch (InvalidDataException e)
        {
            throw new UserErrorException($"{Path} is not a complete zip archive: {e.Message}", e);
        }
    }

    private static IEnumerable<string> InFolder(string folder)
    {
        string[] direct = [.. Directory.EnumerateFiles(folder).Where(FileKind.IsData)];
        return direct.Length > 0 ? direct : Matches(folder, AllBelow).Where(FileKind.IsData);
    }

    private static bool IsPattern(string path) => path.AsSpan().ContainsAny('*', '?');

    private static string PatternFolder(string pattern)
    {
        string folder = pattern;
        while (IsPattern(folder))
        {
            folder = System.IO.Path.GetDirectoryName(folder)!;
        }

        return folder;
    }

    // Any part of the path may be a pattern; ** matches any number of folders.
    private static IEnumerable<string> Matches(string pattern)
    {
        string folder = PatternFolder(pattern);
        string[] parts = System.IO.Path.GetRelativePath(folder, pattern).Split(System.IO.Path.DirectorySeparatorChar);
        return Directory.Exists(folder) ? Matches(folder, parts) : [];
    }

    private static IEnumerable<string> Matches(string folder, ReadOnlyMemory<string> parts) => parts.Span switch
    {
        [var last] => Directory.EnumerateFiles(folder, last),
        ["**", ..] => Matches(folder, parts[1..]).Concat(Folders(folder, "*").SelectMany(inner => Matches(inner, parts))),
        [var first, ..] => Folders(folder, first).SelectMany(inner => Matches(inner, parts[1..])),
        [] => [],
    };

    private static IEnumerable<string> Folders(string folder, string pattern) => Directory.EnumerateDirectories(folder, pattern).Where(inner =>
        (pattern != "*" || System.IO.Path.GetFileName(inner)[0] is not ('.' or '_')) && IsBelow(inner)); // .git, _temporary, _delta_log

    // A link to a parent folder would yield the same files endlessly.
    private static bool IsBelow(string inner) =>
        new DirectoryInfo(inner).ResolveLinkTarget(returnFinalTarget: true) is not { } target
        || !$"{inner}/".StartsWith($"{System.IO.Path.TrimEndingDirectorySeparator(target.FullName)}/", StringComparison.Ordinal);

    private static uint ChecksumOf(string path)
    {
        var checksum = new Crc32();
        using FileStream file = File.OpenRead(path);
        checksum.Append(file);
        return checksum.GetCurrentHashAsUInt32();
    }
}

/// <summary>A source file of prepared data.</summary>
/// <param name="Path">Relative to the place that <c>--data</c> names; absolute if it is elsewhere.</param>
/// <param name="Sha256">Lower-case hex; null for a file that was not read.</param>
internal sealed record SourceFile(string Path, string? Sha256 = null);

internal static class FileKind
{
    private static readonly HashSet<string> Data = new(
        [".csv", ".tsv", ".txt", ".dat", ".data", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".inter", ".item"], StringComparer.OrdinalIgnoreCase);

    private static readonly Dictionary<string, string> Refused = new(StringComparer.OrdinalIgnoreCase)
    {
        [".xlsx"] = "an Excel workbook. Save the sheet as CSV",
        [".xls"] = "an Excel workbook. Save the sheet as CSV",
        [".tar"] = "a tar archive. Unpack it and set --data to the folder",
        [".tgz"] = "a tar archive. Unpack it and set --data to the folder",
        [".7z"] = "a 7z archive. Unpack it and set --data to the folder",
        [".rar"] = "a rar archive. Unpack it and set --data to the folder",
        [".bz2"] = "compressed with bzip2. Unpack it, or compress it with gzip or zstd",
        [".xz"] = "compressed with xz. Unpack it, or compress it with gzip or zstd",
        [".pkl"] = "a Python pickle. Write it with DataFrame.to_parquet or to_csv",
        [".pickle"] = "a Python pickle. Write it with DataFrame.to_parquet or to_csv",
        [".npz"] = "an archive of NumPy arrays. Write a row per interaction as CSV or Parquet",
        [".npy"] = "a NumPy array. Write a row per interaction as CSV or Parquet",
        [".feather"] = "a Feather file. Write it with DataFrame.to_parquet",
        [".arrow"] = "an Arrow file. Write it as Parquet",
        [".avro"] = "an Avro file. Write it as Parquet or CSV",
        [".orc"] = "an ORC file. Write it as Parquet or CSV",
        [".h5"] = "an HDF5 file. Write it as Parquet or CSV",
        [".db"] = "a database. Export the table as Parquet or CSV",
        [".sqlite"] = "a database. Export the table as Parquet or CSV",
        [".mat"] = "a MATLAB file. Write a row per interaction as CSV",
        [".mtx"] = "a sparse matrix. Write a row per interaction as CSV: user,item,weight",
    };

    public static bool IsZip(string path) => HasExtension(path, ".zip");

    /// <summary>The name without a compression extension.</summary>
    public static string Uncompressed(string path) => HasExtension(path, ".gz") || HasExtension(path, ".zst") ? Path.GetFileNameWithoutExtension(path) : Path.GetFileName(path);

    /// <summary>Whether a file of a folder or an archive may be data. Files such as <c>_SUCCESS</c>, <c>.part.crc</c> and <c>__MACOSX/._x.csv</c> are not.</summary>
    public static bool IsData(string path)
    {
        string name = Uncompressed(path);
        return name.Length > 0 && name[0] is not ('.' or '_')
            && (Data.Contains(Path.GetExtension(name)) || name.StartsWith("part-", StringComparison.Ordinal) || MovieLensFiles.IsOne(name))
            && !name.StartsWith("readme", StringComparison.OrdinalIgnoreCase) && !name.StartsWith("license", StringComparison.OrdinalIgnoreCase);
    }

    public static void RequireReadable(DataFile file)
    {
        UserErrorException.ThrowIf(Refused.TryGetValue(Path.GetExtension(FileKind.Uncompressed(file.Path)), out string? reason), $"{file.Name} is {reason}.");
    }

    private static bool HasExtension(string path, string extension) => Path.GetExtension(path).Equals(extension, StringComparison.OrdinalIgnoreCase);
}

/// <summary>The known columns of MovieLens files, with or without a header.</summary>
/// <param name="IsOpen">Whether further columns follow: the genre flags.</param>
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

    /// <summary>Whether it is one of MovieLens' film lists, whose titles end with the year.</summary>
    public static bool IsFilms(DataTable table) =>
        table.Columns.SequenceEqual(Movies, StringComparer.OrdinalIgnoreCase) || (IsMovies(table.File.Name) && Find(table.File.Name) is not null);

    public static bool AreIn(string folder) => Directory.Exists(folder) && Directory.EnumerateFiles(folder).Any(IsRatings);

    public static bool IsOne(string name) => IsGenres(name) || Find(name) is not null;

    public static MovieLensFiles? Find(string name) => Array.Find(All, one => one.IsNamed(name));

    /// <summary>Column names for a file without its header, by file name and number of columns.</summary>
    public static IReadOnlyList<string>? NamesOf(string name, int columns) =>
        Array.Find(WithHeader, one => one.IsNamed(name) && one.Columns.Count == columns)?.Columns;

    private bool IsNamed(string name) => FileName.Equals(Path.GetFileName(name), StringComparison.OrdinalIgnoreCase);
}
