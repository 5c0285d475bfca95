using System.Security.Cryptography;

namespace NanoRecSys.Training.Data.Files;

/// <summary>The recognized files of a data set; disposing removes files that were unpacked only for reading.</summary>
internal sealed class OpenedData : IDisposable
{
    // Usual names, which decide if several files have users and items, or describe items.
    private static readonly string[] InteractionNames =
        ["ratings", "interactions", "events", "transactions", "reviews", "review", "rating", "event", "inter", "clicks", "purchases", "orders", "behavior", "log"];

    private static readonly string[] ItemNames =
        ["movies", "items", "item", "products", "product", "articles", "catalog", "catalogue", "metadata", "meta", "books", "business", "games", "songs", "tracks", "artists", "anime", "recipes", "news", "videos"];

    private readonly Lazy<string> _temporary = new(() => Directory.CreateTempSubdirectory("nanorecsys-").FullName);
    private readonly List<(DataFile File, string Message)> _problems = []; // about files that were not read, or were read as something else

    private OpenedData(DataPlace place, ColumnOptions columns) => (Place, Columns) = (place, columns);

    public DuckDb Duck { get; } = new();
    public DataPlace Place { get; }
    public ColumnOptions Columns { get; }

    public IReadOnlyList<(DataTable Table, ColumnRoles Roles)> Interactions { get; private set; } = [];

    /// <summary>The file that describes the items; null if there is none.</summary>
    public DataTable? Items { get; private set; }
    public IReadOnlyList<string> Genres { get; private set; } = [];
    public List<string> Notes { get; } = [];
    public bool WasDownloaded { get; init; }

    private IReadOnlyList<DataFile> Files { get; set; } = [];

    public static OpenedData Open(DataPlace place, ReadOptions options, bool wasDownloaded = false)
    {
        var opened = new OpenedData(place, ColumnOptions.Parse(options.Columns)) { WasDownloaded = wasDownloaded };
        try
        {
            opened.Files = place.IsArchive ? place.Unpack(opened._temporary.Value) : place.Files();
            opened.Find(options.Items);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The files, with hashes of those that are read; an archive is one file.</summary>
    public async Task<IReadOnlyList<SourceFile>> SourcesAsync(CancellationToken cancellation)
    {
        var read = Interactions.Select(one => one.Table.File.Name).Append(Items?.File.Name).Concat(Files.Where(IsGenres).Select(file => file.Name)).ToHashSet();
        var sources = new List<SourceFile>();
        foreach (DataFile file in Place.IsArchive ? [Place.Path] : Files)
        {
            sources.Add(new SourceFile(Path.GetRelativePath(Place.Folder, file.Path), Place.IsArchive || read.Contains(file.Name) ? await FileHash.OfAsync(file.Path, cancellation) : null));
        }

        if (Items is { } items && !Files.Any(file => file.Name == items.File.Name))
        {
            sources.Add(new SourceFile(Path.GetFullPath(items.File.Name), await FileHash.OfAsync(items.File.Name, cancellation)));
        }

        return sources;
    }

    /// <summary>The file of interactions or the archive; for several files, their folder.</summary>
    public string Source => Place.IsArchive || Interactions.Count > 1 ? Place.Path : Path.GetFullPath(Interactions[0].Table.File.Name);

    /// <summary>SHA-256 of <see cref="Source"/>; for several files, of their hashes in order, one per line.</summary>
    public string HashOf(IReadOnlyList<SourceFile> files)
    {
        HashSet<string> read = Place.IsArchive ? [Place.Path] : [.. Interactions.Select(one => one.Table.File.Name)];
        string[] hashes = [.. files.Where(file => read.Contains(Path.Combine(Place.Folder, file.Path))).Select(file => file.Sha256!)];
        return hashes is [var only] ? only : Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(hashes.Select(hash => hash + '\n')))));
    }

    public void Dispose()
    {
        Duck.Dispose();
        if (_temporary.IsValueCreated)
        {
            AtomicFolder.DeleteIfExists(_temporary.Value);
        }
    }

    private void Find(string? items)
    {
        DataFile[] ratings = [.. Files.Where(file => MovieLensFiles.IsRatings(file.Path))];
        DataFile[] movies = [.. Files.Where(file => MovieLensFiles.IsMovies(file.Path) && !IsGenres(file))];
        UserErrorException.ThrowIf(Files.Count == 0, $"{Place.Path} contains no data file: CSV, TSV, JSON, JSON lines, Parquet, or one of them with gz or zst.");
        UserErrorException.ThrowIf(ratings.Length > 1,
            $"{Place.Path} contains several files of ratings ({string.Join(", ", ratings.Select(NameIn))}). Keep one of them, or set --data to one.");

        DataFile[] others = ratings.Length == 0 ? [.. Files] : movies.Length > 0 || items is not null ? [] : [.. Files.Except(ratings)];
        FindInteractions(ratings.Length > 0 ? ratings : others, out List<DataTable> described);
        Items = items is not null ? Open(Require(items))
            : movies.Length > 0 && ratings.Length > 0 ? Open(Only(movies))
            : FindItems(ratings.Length > 0 ? others.Select(TryOpen).OfType<DataTable>() : described);
        Items ??= items is null && Place.IsFile ? FindBeside() : null;
        if (Files.FirstOrDefault(IsGenres) is { } genres)
        {
            Genres = [.. TextHead.Lines(TextHead.InUtf8(genres, _temporary, Notes, out _)).Where(line => line.Length > 0).Select(line => line.Split('|')[0])];
        }

        foreach ((_, string message) in _problems.Where(problem => problem.File.Name != Items?.File.Name))
        {
            Notes.Add($"Not read: {message}");
        }

        string[] partitions = [.. Interactions.SelectMany(one => Partitions(one.Table)).Distinct(StringComparer.OrdinalIgnoreCase)];
        if (partitions.Length > 0)
        {
            Notes.Add($"Folder names are not read as columns: {string.Join(", ", partitions)}. Write the values into the files if they matter.");
        }

        if (Items is null)
        {
            Notes.Add($"No file next to {NameIn(Interactions[0].Table.File)} describes the items, so they have no titles or categories, only ids. Name one with --items.");
        }
    }

    // Partition columns of Hive and Spark, in folder names such as day=2024-01-31.
    private IEnumerable<string> Partitions(DataTable table) => Place.IsArchive ? [] : Path.GetRelativePath(Place.Folder, table.File.Path)
        .Split(Path.DirectorySeparatorChar).SkipLast(1).Where(folder => folder.IndexOf('=') > 0).Select(folder => folder[..folder.IndexOf('=')]).Except(table.Columns, StringComparer.OrdinalIgnoreCase);

    private DataFile Only(DataFile[] movies) => movies.Length == 1
        ? movies[0]
        : throw new UserErrorException($"{Place.Path} contains several files of movies ({string.Join(", ", movies.Select(NameIn))}). Keep one of them, or name one with --items.");

    private void FindInteractions(DataFile[] files, out List<DataTable> described)
    {
        described = [];
        var found = new List<(DataTable Table, ColumnRoles Roles)>();
        foreach (DataFile file in files.Where(file => !IsGenres(file)))
        {
            if (files.Length == 1)
            {
                DataTable only = Open(file);
                ColumnRoles roles = RolesOf(only);
                roles.Require(only);
                Interactions = [(only, roles)];
                return;
            }

            if (TryOpen(file) is not { } table)
            {
                continue;
            }

            try
            {
                ColumnRoles roles = RolesOf(table);
                if (roles is { User: >= 0, Item: >= 0 })
                {
                    found.Add((table, roles));
                }
                else
                {
                    described.Add(table);
                }
            }
            catch (UserErrorException e)
            {
                _problems.Add((file, e.Message));
                if (!ColumnRoles.NamesUsers(table, Columns))
                {
                    described.Add(table);
                }
            }
        }

        var kinds = found.GroupBy(one => one.Table.Signature).ToList();
        if (kinds.Count == 0)
        {
            throw new UserErrorException(_problems.Count > 0
                ? _problems[0].Message
                : $"{Place.Path} has no file with columns of users and of items: {string.Join("; ", described.Select(table => $"{NameIn(table.File)} has {string.Join(", ", table.Columns)}").Distinct())}. Name them: --columns user=COLUMN,item=COLUMN.");
        }

        Interactions = kinds.Count == 1 ? [.. kinds[0]]
            : Preferred(kinds, kind => NameIn(kind.First().Table.File), InteractionNames) is { } preferred ? [.. preferred]
            : throw new UserErrorException($"{Place.Path} contains several files with users and items ({string.Join(", ", kinds.Select(kind => NameIn(kind.First().Table.File)))}). Set --data to one of them.");
        foreach ((DataTable table, ColumnRoles roles) in Interactions)
        {
            roles.Require(table);
        }

        string ignored = string.Join(", ", found.Except(Interactions).Select(one => NameIn(one.Table.File)));
        if (ignored.Length > 0)
        {
            Notes.Add($"Not read: {ignored}. Set --data to a file to read it instead.");
        }
    }

    private ColumnRoles RolesOf(DataTable table) => table.IsSequences ? new ColumnRoles(0, 1) : ColumnRoles.Of(table, Columns);

    private DataTable? FindItems(IEnumerable<DataTable> tables)
    {
        DataTable[] candidates = [.. tables.Where(Describes)];
        DataTable? chosen = candidates.Length == 1 ? candidates[0] : Preferred(candidates, table => NameIn(table.File), ItemNames);
        if (chosen is null && candidates.Length > 0)
        {
            Notes.Add($"Several files could describe the items ({string.Join(", ", candidates.Select(table => NameIn(table.File)))}), so none is read. Name one with --items.");
        }

        return chosen;
    }

    // Next to a single file: files whose names suggest that they describe items.
    private DataTable? FindBeside()
    {
        string stem = Stem(Place.Path);
        IEnumerable<DataFile> beside = new DataPlace(Place.Folder).Files().Where(file => file.Path != Place.Path && Path.GetDirectoryName(file.Path) == Place.Folder && IsAbout(file));
        return FindItems(beside.Select(TryOpen).OfType<DataTable>());

        bool IsAbout(DataFile file)
        {
            string name = Stem(file.Path);
            return ItemNames.Contains(name, StringComparer.OrdinalIgnoreCase) || (name.Equals(stem, StringComparison.OrdinalIgnoreCase) && file.Path.EndsWith(".item", StringComparison.OrdinalIgnoreCase))
                || (name.Contains(stem, StringComparison.OrdinalIgnoreCase) && name.Length > stem.Length && Words(name).Overlaps(["item", "items", "meta", "metadata", "products", "item2attributes"]));
        }
    }

    // Tables with one row per property of an item are not supported.
    private bool Describes(DataTable table)
    {
        try
        {
            return table.IsMap || (table.HasHeader && table.Columns.Count > 1 && ColumnRoles.FindItem(table, ItemColumns(table)) >= 0
                && !(table.Columns.Contains("property", StringComparer.OrdinalIgnoreCase) && table.Columns.Contains("value", StringComparer.OrdinalIgnoreCase)));
        }
        catch (UserErrorException e)
        {
            _problems.Add((table.File, e.Message));
            return false;
        }
    }

    /// <summary>The roles of an item table's columns; its ids are in the column named as in the interactions, if there is one.</summary>
    public ColumnOptions ItemColumns(DataTable items)
    {
        (DataTable table, ColumnRoles roles) = Interactions[0];
        return Columns.Names.ContainsKey(Role.Item) || !table.HasHeader || !items.Columns.Contains(table.Columns[roles.Item], StringComparer.OrdinalIgnoreCase)
            ? Columns
            : new ColumnOptions(new Dictionary<Role, string>(Columns.Names) { [Role.Item] = table.Columns[roles.Item] });
    }

    private static T? Preferred<T>(IReadOnlyCollection<T> candidates, Func<T, string> nameOf, string[] names)
        where T : class
    {
        foreach (string name in names)
        {
            T[] named = [.. candidates.Where(candidate => Words(Stem(nameOf(candidate))).Contains(name))];
            if (named.Length > 0)
            {
                return named.Length == 1 ? named[0] : null;
            }
        }

        return null;
    }

    private static DataFile Require(string items) => File.Exists(items)
        ? Path.GetFullPath(items)
        : throw new UserErrorException($"--items {items} is not an existing file.");

    private DataTable Open(DataFile file) => DataTable.Open(Duck, file, Columns, _temporary, Notes);

    private DataTable? TryOpen(DataFile file)
    {
        try
        {
            return IsGenres(file) ? null : Open(file);
        }
        catch (UserErrorException e)
        {
            _problems.Add((file, e.Message));
            return null;
        }
    }

    private static HashSet<string> Words(string stem) => new(stem.Split('_', '-', '.', ' '), StringComparer.OrdinalIgnoreCase);

    private static string Stem(string path) => Path.GetFileNameWithoutExtension(FileKind.Uncompressed(path));

    private static bool IsGenres(DataFile file) => MovieLensFiles.IsGenres(file.Path);

    private static string NameIn(DataFile file) => Path.GetFileName(file.Name);
}
