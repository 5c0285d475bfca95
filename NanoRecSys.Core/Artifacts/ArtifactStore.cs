using System.Security.Cryptography;
using System.Text;

namespace NanoRecSys.Core.Artifacts;

/// <summary>
/// The artifacts folder: <c>versions/VERSION/</c>, <c>current</c> (a text file with a version's name),
/// <c>runs/RUN/</c> (a training's progress) and <c>data/NAME/</c> (prepared data).
/// </summary>
internal sealed class ArtifactStore(string root)
{
    private const string StagingPrefix = ".staging-";
    private const int MostNameBytes = 64;
    private const string Remedy = "Remove it, then run 'publish' again or activate a version.";
    private static readonly TimeSpan LeftoverAge = TimeSpan.FromDays(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public string Root { get; } = Path.GetFullPath(root);
    public string VersionsFolder => Path.Combine(Root, "versions");
    public string RunsFolder => Path.Combine(Root, "runs");
    public string CurrentFile => Path.Combine(Root, "current");

    /// <summary>Names the version to serve regardless of later publishing; exists only while a version is pinned.</summary>
    public string PinnedFile => Path.Combine(Root, "pinned");

    /// <summary>The version last published or made current; null before the first.</summary>
    /// <exception cref="ArtifactException">The file does not name a version.</exception>
    public string? ReadCurrent() => ReadName(CurrentFile);

    /// <summary>The pinned version, or null.</summary>
    /// <exception cref="ArtifactException">The file does not name a version.</exception>
    public string? ReadPinned() => ReadName(PinnedFile);

    // Whatever the file is, at most a name's length is read, and nothing of it gets into a message.
    private static string? ReadName(string path)
    {
        byte[] text;
        try
        {
            text = SmallFile.Read(path, MostNameBytes);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (InvalidDataException e)
        {
            throw new ArtifactException($"{e.Message} Expected: a version's name (12 hex digits). {Remedy}", e);
        }

        string name = Encoding.ASCII.GetString(text).Trim();
        return name.Length == 0 ? null
            : VersionName.IsWellFormed(name) ? name
            : throw new ArtifactException($"{path} does not contain a version's name (12 hex digits). {Remedy}");
    }

    /// <summary>
    /// Names of all complete versions, newest first by the manifests' <see cref="Manifest.Created"/>, because a copy or a restore changes file
    /// times. Versions whose manifest cannot be read come last.
    /// </summary>
    public IReadOnlyList<string> ListVersions() => !Directory.Exists(VersionsFolder)
        ? []
        : [.. Directory.EnumerateDirectories(VersionsFolder)
            .Where(folder => VersionName.IsWellFormed(Path.GetFileName(folder)) && File.Exists(Path.Combine(folder, ArtifactNames.Manifest)))
            .Select(folder => (Name: Path.GetFileName(folder), Created: CreatedOf(folder)))
            .OrderByDescending(version => version.Created).ThenBy(version => version.Name, StringComparer.Ordinal)
            .Select(version => version.Name)];

    private static DateTimeOffset CreatedOf(string folder)
    {
        try
        {
            return ManifestFile.Read(folder).Created;
        }
        catch (ArtifactException)
        {
            return DateTimeOffset.MinValue;
        }
    }

    /// <summary>Reads a version's manifest and verifies every file against it, byte for byte.</summary>
    /// <exception cref="ArtifactException">The version is missing, has another schema, or was changed.</exception>
    public ArtifactVersion Open(string version) => Open(version, copyTo: null);

    /// <summary>
    /// Like <see cref="Open(string)"/>, but also copies all files except the manifest. The hashes are those of the copied bytes, whatever
    /// happens to the version's folder during and after the copy.
    /// </summary>
    /// <returns>The version in the folder of the copy.</returns>
    public ArtifactVersion Copy(string version, string copyTo) => Open(version, copyTo) with { Folder = copyTo };

    private ArtifactVersion Open(string version, string? copyTo)
    {
        if (!VersionName.IsWellFormed(version))
        {
            throw new ArtifactException($"'{version}' is not a version's name (12 hex digits). Run 'publish' again.");
        }

        string folder = FolderOf(version);
        Manifest manifest = ManifestFile.Read(folder);
        if (manifest.ModelVersion != version)
        {
            throw new ArtifactException($"Version {version}: its manifest belongs to {manifest.ModelVersion}. Run 'publish' again.");
        }

        VersionFiles.RequireServable(manifest, version);
        foreach (ArtifactFile file in manifest.Files)
        {
            VersionFiles.Verify(folder, file, copyTo);
        }

        string content = VersionName.Of(manifest.Files);
        if (content != version)
        {
            throw new ArtifactException($"Version {version}: its files hash to {content}. The manifest was changed; run 'publish' again.");
        }

        return new ArtifactVersion(folder, manifest);
    }

    /// <summary>
    /// Creates a folder for a version's files; <see cref="Publish"/> takes it over. Folders left behind by publishers that
    /// died at least a day ago are removed.
    /// </summary>
    public string CreateStaging()
    {
        Directory.CreateDirectory(VersionsFolder);
        foreach (string leftover in Directory.EnumerateDirectories(VersionsFolder, StagingPrefix + "*")
            .Where(folder => DateTime.UtcNow - Directory.GetLastWriteTimeUtc(folder) > LeftoverAge))
        {
            DeleteIfPossible(leftover);
        }

        string staging = Path.Combine(VersionsFolder, $"{StagingPrefix}{Guid.NewGuid():N}");
        Directory.CreateDirectory(staging);
        return staging;
    }

    /// <summary>
    /// Hashes the staged files, writes the manifest last, moves the folder to its name and then replaces
    /// <c>current</c>, unless the manifest's gate refused the version: a reader sees the old version or the new one, never a mixture.
    /// </summary>
    /// <param name="staging">A folder from <see cref="CreateStaging"/>, filled; gone when this returns.</param>
    /// <param name="draft">The manifest; version, schema, checksum and files are filled in here.</param>
    /// <exception cref="ArtifactException">A part is missing, or another publisher holds the folder.</exception>
    public ArtifactVersion Publish(string staging, Manifest draft)
    {
        Manifest manifest = Describe(staging, draft);
        using IDisposable publishing = LockVersions();
        ArtifactVersion placed = Place(staging, manifest);
        if (draft.Gate is not { Refused: true })
        {
            SetCurrent(manifest.ModelVersion);
        }

        return placed;
    }

    /// <summary>Replaces a version by the staged files: references to it are changed to the new one, then its folder is deleted.</summary>
    /// <inheritdoc cref="Publish"/>
    public ArtifactVersion Replace(string version, string staging, Manifest draft)
    {
        Manifest manifest = Describe(staging, draft);
        using IDisposable publishing = LockVersions();
        ArtifactVersion placed = Place(staging, manifest);
        if (ReadCurrent() == version)
        {
            SetCurrent(manifest.ModelVersion);
        }

        if (ReadPinned() == version)
        {
            Pin(manifest.ModelVersion);
        }

        if (manifest.ModelVersion != version)
        {
            DeleteIfPossible(FolderOf(version));
        }

        return placed;
    }

    private static Manifest Describe(string staging, Manifest draft)
    {
        ArtifactFile[] files = VersionFiles.DescribeAll(staging);
        string version = VersionName.Of(files);
        Manifest manifest = draft with { SchemaVersion = Manifest.CurrentSchema, ModelVersion = version, Files = files };
        VersionFiles.RequireServable(manifest, version);
        return manifest;
    }

    private IDisposable LockVersions() => FolderLock.Take(VersionsFolder, "publish", Patience)
        ?? throw new ArtifactException($"Another process has been publishing in {VersionsFolder} for {Patience.TotalSeconds:F0} seconds. Wait for it, then try again.");

    private ArtifactVersion Place(string staging, Manifest manifest)
    {
        string folder = FolderOf(manifest.ModelVersion);
        if (IsIntact(manifest.ModelVersion))
        {
            // The same content already exists and may be being read: only the manifest changes.
            ManifestFile.Write(folder, manifest);
            DeleteIfPossible(staging);
        }
        else
        {
            ManifestFile.Write(staging, manifest);
            if (Directory.Exists(folder))
            {
                DeleteIfPossible(folder);
            }

            Directory.Move(staging, folder);
        }

        return new ArtifactVersion(folder, ManifestFile.Read(folder));
    }

    public void SetCurrent(string version) => AtomicFile.Write(CurrentFile, Encoding.UTF8.GetBytes(version + "\n"));

    public void Pin(string version) => AtomicFile.Write(PinnedFile, Encoding.UTF8.GetBytes(version + "\n"));

    public void Unpin() => File.Delete(PinnedFile);

    public string FolderOf(string version) => Path.Combine(VersionsFolder, version);

    /// <summary>A version's manifest; its other files are not checked.</summary>
    /// <exception cref="ArtifactException">Missing, of another schema, or changed.</exception>
    public Manifest ReadManifest(string version) => ManifestFile.Read(FolderOf(version));

    private bool IsIntact(string version)
    {
        try
        {
            Open(version);
            return true;
        }
        catch (ArtifactException)
        {
            return false;
        }
    }

    // On Windows a reader with an open file can keep the folder alive, so this is not an error.
    private void DeleteIfPossible(string folder)
    {
        try
        {
            string aside = Path.Combine(VersionsFolder, $"{StagingPrefix}{Guid.NewGuid():N}");
            Directory.Move(folder, aside);
            Directory.Delete(aside, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}

/// <summary>A published folder whose files all match its manifest.</summary>
internal sealed record ArtifactVersion(string Folder, Manifest Manifest)
{
    public string PathOf(string file) => Path.Combine(Folder, file);
}

/// <summary>A version that cannot be published or served; the message gives the fault, the expected and actual values, and the remedy.</summary>
internal sealed class ArtifactException(string message, Exception? innerException = null) : Exception(message, innerException);

internal static class ArtifactNames
{
    public const string Manifest = "manifest.json";
    public const string UserTower = "user_tower.onnx";
    public const string UserTowerInt8 = "user_tower.int8.onnx"; // the same with the products in its blocks in 8 bits
    public const string Ranker = "ranker.onnx";
    public const string RankerItems = "ranker_items.onnx"; // turns an item's data into its part of the ranker's first layer
    public const string RankerItemParts = "ranker_items.npy"; // [V, H1] these parts for all items
    public const string RankerCandidates = "ranker_candidates.onnx"; // scores candidates by their parts; used in serving
    public const string Index = "items.index";
    public const string ItemEmbeddings = "item_embeddings.npy";
    public const string Catalog = "catalog.parquet";
    public const string Histories = "histories.bin";
    public const string Users = "users.ids";
    public const string UserEmbeddings = "user_embeddings.npy"; // [U, D] float16, the user tower's output for these histories
    public const string ItemMap = "item_map_2d.parquet"; // the position of each item on a plane, for the map page
    public const string Metrics = "metrics.json";
    public const string ContentMap = "content_map.npy"; // [F, D] the contribution of each feature to a new item's embedding
    public const string ContentFeatures = "content_features.json"; // the names of its F rows
}

internal static class VersionFiles
{
    private const string RemovedRankerTable = "ranker_embeddings.npy";

    /// <summary>Hashes every file of a staging folder except its manifest, and flushes each to the disk.</summary>
    public static ArtifactFile[] DescribeAll(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(path => Describe(folder, path))
            .Where(file => file.Name != ArtifactNames.Manifest)
            .OrderBy(file => file.Name, StringComparer.Ordinal)];

    /// <summary>
    /// Every part that serving opens must be among the hashed files, whose names must stay within the folder. Network kinds of earlier releases
    /// are refused: served by today's code, they would give other scores.
    /// </summary>
    /// <exception cref="ArtifactException">A part is missing, a name leads out of the folder, or the model is not supported.</exception>
    public static void RequireServable(Manifest manifest, string version)
    {
        if (manifest.Files.FirstOrDefault(file => !StaysInFolder(file.Name)) is { } outside)
        {
            throw new ArtifactException($"Version {version}: '{outside.Name}' is not a file name inside the version's folder. Run 'publish' again.");
        }

        string?[] parts =
        [
            manifest.UserTower.File, manifest.UserTowerInt8?.File, manifest.UserEmbeddings,
            manifest.Ranker?.Onnx.File, manifest.Index.File, manifest.ContentMap?.File, manifest.ContentMap?.Features, manifest.ItemMap?.File,
            .. manifest.Ranker?.Parts.Files() ?? [],
            .. (manifest.Blend ?? []).Select(list => list.File),
            ArtifactNames.ItemEmbeddings, ArtifactNames.Catalog, ArtifactNames.Histories, ArtifactNames.Users,
        ];
        HashSet<string> names = [.. manifest.Files.Select(file => file.Name)];
        if (parts.FirstOrDefault(part => part is not null && !names.Contains(part)) is string missing)
        {
            throw new ArtifactException($"Version {version}: {missing} is not among its files. Run 'export', 'index' and 'publish' again.");
        }

        if (names.Contains(RemovedRankerTable))
        {
            throw new ArtifactException(
                $"Version {version}: its ranker has its own item table ({RemovedRankerTable}), which is no longer supported. Run 'train-ranker', 'export', 'index' and 'publish' again.");
        }

        ModelInfo model = manifest.Model;
        if (model.Items < 1 || model.Dimension < 1 || model.MaxLength < 1 || model.Members < 1)
        {
            throw new ArtifactException(
                $"Version {version}: its model has {model.Items} items, {model.Dimension} dimensions and histories of {model.MaxLength}{(model.Members is { } members ? $" in {members} members" : "")}; each must be at least 1. Run 'publish' again.");
        }

        if (!BlockKinds.All.Contains(model.Kind) || !Positions.All.Contains(model.Positions))
        {
            throw new ArtifactException(
                $"Version {version}: its user tower has '{model.Kind}' blocks with '{model.Positions}' positions; supported are the blocks {string.Join(", ", BlockKinds.All)} " +
                $"and the positions {string.Join(", ", Positions.All)}. Run 'train-retriever', 'export', 'index' and 'publish' again.");
        }
    }

    /// <param name="copyTo">Folder for a copy of the hashed bytes; null for no copy.</param>
    /// <exception cref="ArtifactException">Missing, unreadable, changed, or a link.</exception>
    public static void Verify(string folder, ArtifactFile expected, string? copyTo)
    {
        string version = Path.GetFileName(folder);
        string path = Path.Combine(folder, expected.Name);
        if (!File.Exists(path))
        {
            throw new ArtifactException($"Version {version}: {expected.Name} is missing. Run 'publish' again.");
        }

        RequireNoLinks(folder, expected.Name);
        string hash = "";
        long size;
        try
        {
            size = new FileInfo(path).Length;
            if (size == expected.Size)
            {
                // A file of length 0 may be a pipe: opening it would wait for a writer.
                using Stream file = size == 0 ? Stream.Null : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using Stream copy = copyTo is null ? Stream.Null : CreateCopy(copyTo, expected.Name);
                (hash, size) = FileHash.Copy(file, copy, expected.Size);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ArtifactException($"Version {version}: {expected.Name} cannot be read{(copyTo is null ? "" : $" or copied to {copyTo}")}: {e.Message}", e);
        }

        if (size != expected.Size)
        {
            throw new ArtifactException($"Version {version}: {expected.Name} has {size} bytes, its manifest says {expected.Size}. Run 'publish' again.");
        }

        if (hash != expected.Sha256)
        {
            throw new ArtifactException($"Version {version}: {expected.Name} has SHA-256 {hash}, its manifest says {expected.Sha256}. Run 'publish' again.");
        }
    }

    /// <exception cref="ArtifactException">A part of the path below the folder is a link, which could lead anywhere.</exception>
    public static void RequireNoLinks(string folder, string name)
    {
        string path = folder;
        foreach (string part in name.Split('/'))
        {
            path = Path.Combine(path, part);
            if (new FileInfo(path).LinkTarget is not null)
            {
                throw new ArtifactException($"Version {Path.GetFileName(folder)}: {name} is a link or in a linked folder. Run 'publish' again.");
            }
        }
    }

    private static FileStream CreateCopy(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return new FileStream(path, FileMode.CreateNew, FileAccess.Write);
    }

    private static ArtifactFile Describe(string folder, string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        string hash = FileHash.Of(file);
        file.Flush(flushToDisk: true);
        return new ArtifactFile(Path.GetRelativePath(folder, path).Replace('\\', '/'), hash, file.Length);
    }

    private static bool StaysInFolder(string name) =>
        name.Split('/').All(part => part.Length > 0 && part is not ("." or "..") && !part.Contains('\\') && !part.Contains(':'));
}

/// <summary>
/// A version is named by its content: the first 12 hex digits of the SHA-256 over the sorted lines
/// <c>sha256  name</c> of all files except the manifest.
/// </summary>
internal static class VersionName
{
    private const int HexDigits = 12;

    public static string Of(IEnumerable<ArtifactFile> files)
    {
        IEnumerable<string> lines = files.Select(file => $"{file.Sha256}  {file.Name}").Order(StringComparer.Ordinal);
        string text = string.Concat(lines.Select(line => line + "\n"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..HexDigits];
    }

    /// <summary>Whether a name could be a version's; no other name may become part of a path.</summary>
    public static bool IsWellFormed(string name) =>
        name.Length == HexDigits && name.All(c => char.IsAsciiDigit(c) || c is >= 'a' and <= 'f');
}
