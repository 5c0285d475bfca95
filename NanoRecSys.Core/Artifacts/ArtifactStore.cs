using System.Security.Cryptography;
using System.Text.Json;

namespace NanoRecSys.Core.Artifacts;

/// <summary>
/// The artifacts folder: <c>versions/VERSION/</c>, <c>current</c> (a text file with a version's name),
/// <c>runs/RUN/</c> (a training's progress) and <c>data/NAME/</c> (prepared data).
/// </summary>
public sealed class ArtifactStore(string root)
{
    public string Root { get; } = Path.GetFullPath(root);

    public string VersionsFolder => Path.Combine(Root, "versions");

    public string RunsFolder => Path.Combine(Root, "runs");

    public string CurrentFile => Path.Combine(Root, "current");

    /// <summary>The version that should be served, or null before the first publish.</summary>
    public string? ReadCurrent()
    {
        try
        {
            string name = File.ReadAllText(CurrentFile).Trim();
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
        Manifest manifest = ReadManifest(folder);
        if (manifest.ModelVersion != version)
        {
            throw new ArtifactException($"Version {version}: its manifest is that of {manifest.ModelVersion}. Run 'publish' again.");
        }

        foreach (ArtifactFile file in manifest.Files)
        {
            Verify(folder, file);
        }

        string content = VersionName.Of(manifest.Files);
        if (content != version)
        {
            throw new ArtifactException($"Version {version}: its files make {content}. The manifest was changed; run 'publish' again.");
        }

        return new ArtifactVersion(folder, manifest);
    }

    /// <summary>A new folder to gather a version's files in; <see cref="Publish"/> takes it.</summary>
    public string CreateStaging()
    {
        string folder = Path.Combine(VersionsFolder, $".staging-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder);
        return folder;
    }

    /// <summary>
    /// Hashes the staged files, writes the manifest last, moves the folder to its name and then replaces
    /// <c>current</c>: a reader sees the old version or the new one, never a mixture.
    /// </summary>
    /// <param name="staging">A folder from <see cref="CreateStaging"/>, filled.</param>
    /// <param name="draft">The manifest; version, schema and files are filled in here.</param>
    public ArtifactVersion Publish(string staging, Manifest draft)
    {
        ArtifactFile[] files = [.. Directory.EnumerateFiles(staging, "*", SearchOption.AllDirectories)
            .Select(path => Describe(staging, path))
            .Where(file => file.Name != ArtifactNames.Manifest)
            .OrderBy(file => file.Name, StringComparer.Ordinal)];
        string version = VersionName.Of(files);
        Manifest manifest = draft with { SchemaVersion = Manifest.CurrentSchema, ModelVersion = version, Files = files };
        WriteDurably(Path.Combine(staging, ArtifactNames.Manifest), JsonSerializer.SerializeToUtf8Bytes(manifest, CoreJson.Default.Manifest));

        string folder = Path.Combine(VersionsFolder, version);
        if (Directory.Exists(folder))
        {
            // The same content was published before, or a publish of it broke off: the fresh copy takes its place.
            Directory.Move(folder, Path.Combine(VersionsFolder, $".replaced-{Guid.NewGuid():N}"));
        }

        Directory.Move(staging, folder);
        SetCurrent(version);
        foreach (string replaced in Directory.EnumerateDirectories(VersionsFolder, ".replaced-*"))
        {
            Directory.Delete(replaced, recursive: true);
        }

        return new ArtifactVersion(folder, manifest);
    }

    /// <summary>Makes a complete version the one to serve, atomically.</summary>
    public void SetCurrent(string version)
    {
        string temporary = $"{CurrentFile}.{Guid.NewGuid():N}.tmp";
        WriteDurably(temporary, System.Text.Encoding.UTF8.GetBytes(version + "\n"));
        File.Move(temporary, CurrentFile, overwrite: true);
    }

    private static Manifest ReadManifest(string folder)
    {
        string path = Path.Combine(folder, ArtifactNames.Manifest);
        string version = Path.GetFileName(folder);
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            RequireSchema(bytes, version);
            return JsonSerializer.Deserialize(bytes, CoreJson.Default.Manifest)
                ?? throw new ArtifactException($"Version {version}: the manifest is empty. Run 'publish' again.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ArtifactException($"Version {version}: no {ArtifactNames.Manifest} in {folder}. Run 'publish' again.", e);
        }
        catch (JsonException e)
        {
            throw new ArtifactException($"Version {version}: the manifest cannot be read: {e.Message} Run 'publish' again.", e);
        }
    }

    // Looked at before the rest is parsed: another schema may have other fields.
    private static void RequireSchema(byte[] manifest, string version)
    {
        using JsonDocument document = JsonDocument.Parse(manifest);
        int? schema = document.RootElement.ValueKind == JsonValueKind.Object
            && document.RootElement.TryGetProperty("schema_version", out JsonElement value)
            && value.TryGetInt32(out int number) ? number : null;
        if (schema != Manifest.CurrentSchema)
        {
            throw new ArtifactException(
                $"Version {version}: its manifest has schema {schema?.ToString() ?? "none"}, this program reads {Manifest.CurrentSchema}. " +
                "Publish it with the same release that serves it.");
        }
    }

    private static void Verify(string folder, ArtifactFile expected)
    {
        string path = Path.Combine(folder, expected.Name);
        string version = Path.GetFileName(folder);
        if (!File.Exists(path))
        {
            throw new ArtifactException($"Version {version}: {expected.Name} is missing. Run 'publish' again.");
        }

        ArtifactFile actual = Describe(folder, path);
        if (actual.Size != expected.Size)
        {
            throw new ArtifactException($"Version {version}: {expected.Name} has {actual.Size} bytes, its manifest says {expected.Size}. Run 'publish' again.");
        }

        if (actual.Sha256 != expected.Sha256)
        {
            throw new ArtifactException($"Version {version}: {expected.Name} has SHA-256 {actual.Sha256}, its manifest says {expected.Sha256}. Run 'publish' again.");
        }
    }

    private static ArtifactFile Describe(string folder, string path)
    {
        using FileStream file = File.OpenRead(path);
        string hash = Convert.ToHexStringLower(SHA256.HashData(file));
        return new ArtifactFile(Path.GetRelativePath(folder, path).Replace('\\', '/'), hash, file.Length);
    }

    private static void WriteDurably(string path, byte[] content)
    {
        using FileStream file = new(path, FileMode.Create, FileAccess.Write);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }
}
