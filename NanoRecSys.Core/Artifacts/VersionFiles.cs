using System.Security.Cryptography;

namespace NanoRecSys.Core.Artifacts;

/// <summary>The files of a version: describing them for a manifest, and comparing them with one.</summary>
internal static class VersionFiles
{
    /// <summary>Hashes every file of a staging folder but its manifest, and flushes each to the disk.</summary>
    public static ArtifactFile[] DescribeAll(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(path => Describe(folder, path, FileAccess.ReadWrite))
            .Where(file => file.Name != ArtifactNames.Manifest)
            .OrderBy(file => file.Name, StringComparer.Ordinal)];

    /// <summary>Every part that serving opens must be among the files that were hashed, under a name that stays in the folder.</summary>
    /// <exception cref="ArtifactException">A part is missing, or a name leads elsewhere.</exception>
    public static void RequireParts(Manifest manifest, string version)
    {
        foreach (ArtifactFile? file in manifest.Files)
        {
            if (file is null || !StaysInFolder(file.Name))
            {
                throw new ArtifactException($"Version {version}: '{file?.Name}' is not a file name inside the version's folder. Run 'publish' again.");
            }
        }

        string?[] parts =
        [
            manifest.UserTower.File, manifest.UserTowerInt8?.File, manifest.UserEmbeddings,
            manifest.Ranker?.Onnx.File, manifest.Index.File, manifest.ContentMap?.File, manifest.ContentMap?.Features, manifest.ItemMap?.File,
            .. manifest.Ranker?.Parts.Files() ?? [],
            ArtifactNames.ItemEmbeddings, ArtifactNames.Catalog, ArtifactNames.Histories,
        ];
        HashSet<string> names = [.. manifest.Files.Select(file => file.Name)];
        if (parts.FirstOrDefault(part => part is not null && !names.Contains(part)) is string missing)
        {
            throw new ArtifactException($"Version {version}: {missing} is not among its files. Run 'export', 'index' and 'publish' again.");
        }
    }

    /// <summary>The user tower must be of a kind that there still is: earlier releases had more.</summary>
    /// <exception cref="ArtifactException">It is not.</exception>
    public static void RequireKnownTower(Manifest manifest, string version)
    {
        ModelInfo model = manifest.Model;
        if (!BlockKinds.All.Contains(model.Kind) || !Positions.All.Contains(model.Positions))
        {
            throw new ArtifactException(
                $"Version {version}: its user tower has '{model.Kind}' blocks with '{model.Positions}' positions; there are the blocks {string.Join(", ", BlockKinds.All)} " +
                $"and the positions {string.Join(", ", Positions.All)}. Run 'train-retriever', 'export', 'index' and 'publish' again.");
        }
    }

    /// <exception cref="ArtifactException">Missing, unreadable or changed.</exception>
    public static void Verify(string folder, ArtifactFile expected)
    {
        string version = Path.GetFileName(folder);
        string path = Path.Combine(folder, expected.Name);
        if (!File.Exists(path))
        {
            throw new ArtifactException($"Version {version}: {expected.Name} is missing. Run 'publish' again.");
        }

        ArtifactFile actual;
        try
        {
            actual = Describe(folder, path, FileAccess.Read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ArtifactException($"Version {version}: {expected.Name} cannot be read: {e.Message}", e);
        }

        if (actual.Size != expected.Size)
        {
            throw new ArtifactException($"Version {version}: {expected.Name} has {actual.Size} bytes, its manifest says {expected.Size}. Run 'publish' again.");
        }

        if (actual.Sha256 != expected.Sha256)
        {
            throw new ArtifactException($"Version {version}: {expected.Name} has SHA-256 {actual.Sha256}, its manifest says {expected.Sha256}. Run 'publish' again.");
        }
    }

    private static ArtifactFile Describe(string folder, string path, FileAccess access)
    {
        using FileStream file = new(path, FileMode.Open, access, FileShare.Read);
        string hash = Convert.ToHexStringLower(SHA256.HashData(file));
        if (access == FileAccess.ReadWrite)
        {
            file.Flush(flushToDisk: true);
        }

        return new ArtifactFile(Path.GetRelativePath(folder, path).Replace('\\', '/'), hash, file.Length);
    }

    private static bool StaysInFolder(string name) =>
        name.Split('/').All(part => part.Length > 0 && part is not ("." or "..") && !part.Contains('\\') && !part.Contains(':'));
}
