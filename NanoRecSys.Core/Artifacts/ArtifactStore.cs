using System.Text;

namespace NanoRecSys.Core.Artifacts;

/// <summary>
/// The artifacts folder: <c>versions/VERSION/</c>, <c>current</c> (a text file with a version's name),
/// <c>runs/RUN/</c> (a training's progress) and <c>data/NAME/</c> (prepared data).
/// </summary>
public sealed class ArtifactStore(string root)
{
    private const string StagingPrefix = ".staging-";
    private static readonly TimeSpan LeftoverAge = TimeSpan.FromDays(1);

    public string Root { get; } = Path.GetFullPath(root);

    public string VersionsFolder => Path.Combine(Root, "versions");

    public string RunsFolder => Path.Combine(Root, "runs");

    public string CurrentFile => Path.Combine(Root, "current");

    /// <summary>Names the version to serve whatever is published meanwhile; there only while one is pinned.</summary>
    public string PinnedFile => Path.Combine(Root, "pinned");

    /// <summary>The version that was published or made current last, or null before the first.</summary>
    public string? ReadCurrent() => ReadName(CurrentFile);

    /// <summary>The version that is pinned, or null.</summary>
    public string? ReadPinned() => ReadName(PinnedFile);

    private static string? ReadName(string path)
    {
        try
        {
            string name = File.ReadAllText(path).Trim();
            return name.Length > 0 ? name : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Names of all complete versions, newest first.</summary>
    public IReadOnlyList<string> ListVersions() => !Directory.Exists(VersionsFolder)
        ? []
        : [.. Directory.EnumerateDirectories(VersionsFolder)
            .Where(folder => VersionName.IsWellFormed(Path.GetFileName(folder)) && File.Exists(Path.Combine(folder, ArtifactNames.Manifest)))
            .OrderByDescending(folder => File.GetLastWriteTimeUtc(Path.Combine(folder, ArtifactNames.Manifest)))
            .Select(folder => Path.GetFileName(folder))];

    /// <summary>Reads a version's manifest and compares every file with it, byte for byte.</summary>
    /// <exception cref="ArtifactException">The version is missing, of another schema, or was changed.</exception>
    public ArtifactVersion Open(string version)
    {
        if (!VersionName.IsWellFormed(version))
        {
            throw new ArtifactException($"'{version}' is not a version's name (12 hex digits). Run 'publish' again.");
        }

        string folder = Path.Combine(VersionsFolder, version);
        Manifest manifest = ManifestFile.Read(folder);
        if (manifest.ModelVersion != version)
        {
            throw new ArtifactException($"Version {version}: its manifest is that of {manifest.ModelVersion}. Run 'publish' again.");
        }

        VersionFiles.RequireParts(manifest, version);
        VersionFiles.RequireKnownTower(manifest, version);
        foreach (ArtifactFile file in manifest.Files)
        {
            VersionFiles.Verify(folder, file);
        }

        string content = VersionName.Of(manifest.Files);
        if (content != version)
        {
            throw new ArtifactException($"Version {version}: its files make {content}. The manifest was changed; run 'publish' again.");
        }

        return new ArtifactVersion(folder, manifest);
    }

    /// <summary>
    /// A new folder to gather a version's files in; <see cref="Publish"/> takes it. What publishers that
    /// died left behind a day ago or earlier is removed.
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
    /// <c>current</c>: a reader sees the old version or the new one, never a mixture.
    /// </summary>
    /// <param name="staging">A folder from <see cref="CreateStaging"/>, filled; gone when this returns.</param>
    /// <param name="draft">The manifest; version, schema, checksum and files are filled in here.</param>
    /// <exception cref="ArtifactException">A part is missing, or another publisher holds the folder.</exception>
    public ArtifactVersion Publish(string staging, Manifest draft)
    {
        ArtifactFile[] files = VersionFiles.DescribeAll(staging);
        string version = VersionName.Of(files);
        Manifest manifest = draft with { SchemaVersion = Manifest.CurrentSchema, ModelVersion = version, Files = files };
        VersionFiles.RequireParts(manifest, version);
        VersionFiles.RequireKnownTower(manifest, version);
        ManifestFile.Write(staging, manifest);

        using PublishLock held = PublishLock.Take(VersionsFolder);
        string folder = Path.Combine(VersionsFolder, version);
        if (IsIntact(version))
        {
            // The same content is there, perhaps being read: only the manifest changes.
            ManifestFile.Write(folder, manifest);
            DeleteIfPossible(staging);
        }
        else
        {
            if (Directory.Exists(folder))
            {
                DeleteIfPossible(folder);
            }

            Directory.Move(staging, folder);
        }

        SetCurrent(version);
        return new ArtifactVersion(folder, ManifestFile.Read(folder));
    }

    /// <summary>Makes a complete version the one to serve, atomically.</summary>
    public void SetCurrent(string version) => DurableFile.Replace(CurrentFile, Encoding.UTF8.GetBytes(version + "\n"));

    /// <summary>Serves this version until <see cref="Unpin"/>, atomically.</summary>
    public void Pin(string version) => DurableFile.Replace(PinnedFile, Encoding.UTF8.GetBytes(version + "\n"));

    public void Unpin() => File.Delete(PinnedFile);

    /// <summary>A version's manifest, without a look at its other files.</summary>
    /// <exception cref="ArtifactException">Missing, of another schema, or changed.</exception>
    public Manifest ReadManifest(string version) => ManifestFile.Read(Path.Combine(VersionsFolder, version));

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

    // A reader that still holds a file of it open may keep a folder alive on Windows; that is no reason to fail.
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
