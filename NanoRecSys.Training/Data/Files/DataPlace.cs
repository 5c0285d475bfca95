using System.IO.Compression;
using System.IO.Hashing;

namespace NanoRecSys.Training.Data.Files;

/// <summary>A file, a folder, a pattern or a zip archive, and the files of data there.</summary>
internal sealed record DataPlace(string Path)
{
    public bool IsArchive => FileKind.IsZip(Path) && File.Exists(Path);

    public bool IsFile => File.Exists(Path) && !FileKind.IsZip(Path);

    /// <summary>What names of files are relative to.</summary>
    public string Folder => Directory.Exists(Path) ? Path : IsPattern(Path) ? PatternFolder(Path) : System.IO.Path.GetDirectoryName(Path)!;

    /// <returns>Null where nothing has that name.</returns>
    public static DataPlace? Find(string data)
    {
        string full = System.IO.Path.GetFullPath(data);
        return Directory.Exists(full) || File.Exists(full) || (IsPattern(full) && Matches(full).Any()) ? new DataPlace(full) : null;
    }

    /// <summary>The last part of the name, without what says the format.</summary>
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

    /// <summary>The files of data in the order of their names: those of a folder itself, else those of the folders in it. Not of an archive.</summary>
    public IReadOnlyList<DataFile> Files()
    {
        IEnumerable<string> paths = IsFile ? [Path] : Directory.Exists(Path) ? InFolder(Path) : Matches(Path).Where(FileKind.IsData);
        return [.. paths.Order(StringComparer.Ordinal).Select(path => (DataFile)path)];
    }

    /// <summary>Unpacks what may be data, each file under its plain name, whatever folders the archive puts it in: no entry can name a place outside
    /// <paramref name="folder"/>, and what is not needed costs no disk.</summary>
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
                if (ChecksumOf(files[^1].Path) != entry.Crc32) // which ZipArchive leaves to its caller
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
        return direct.Length > 0 ? direct : Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true }).Where(FileKind.IsData);
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

    // Patterns may be in any part of the path; ** is any number of folders.
    private static IEnumerable<string> Matches(string pattern)
    {
        string folder = PatternFolder(pattern);
        string[] parts = System.IO.Path.GetRelativePath(folder, pattern).Split(System.IO.Path.DirectorySeparatorChar);
        return Directory.Exists(folder) ? Matches(folder, parts) : [];
    }

    private static IEnumerable<string> Matches(string folder, ReadOnlyMemory<string> parts) => parts.Span switch
    {
        [var last] => Directory.EnumerateFiles(folder, last),
        ["**", ..] => Matches(folder, parts[1..]).Concat(Directory.EnumerateDirectories(folder).SelectMany(inner => Matches(inner, parts))),
        [var first, ..] => Directory.EnumerateDirectories(folder, first).SelectMany(inner => Matches(inner, parts[1..])),
        [] => [],
    };

    private static uint ChecksumOf(string path)
    {
        var checksum = new Crc32();
        using FileStream file = File.OpenRead(path);
        checksum.Append(file);
        return checksum.GetCurrentHashAsUInt32();
    }
}

/// <summary>A file that prepared data was made of.</summary>
/// <param name="Path">Relative to the place that <c>--data</c> names; in full where it is elsewhere.</param>
/// <param name="Sha256">Lower-case hex; null for a file that lies beside those that are read.</param>
internal sealed record SourceFile(string Path, string? Sha256 = null);
