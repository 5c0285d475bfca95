using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Api.Models;

/// <summary>The pictures that a training left in its version.</summary>
public sealed class VersionPlots(ArtifactStore store)
{
    private const string Folder = "plots/";

    /// <summary>What <see cref="Find"/> can be asked for.</summary>
    public static IReadOnlyList<string> NamesIn(Manifest manifest) =>
    [
        .. manifest.Files
            .Where(file => file.Name.StartsWith(Folder, StringComparison.Ordinal) && ContentType(file.Name) is not null)
            .Select(file => file.Name[Folder.Length..]),
    ];

    /// <summary>Only what the version's manifest names can be asked for, so no name leads out of its folder.</summary>
    /// <returns>Null where there is no such picture.</returns>
    public (string Path, string ContentType)? Find(string version, string name)
    {
        try
        {
            return VersionName.IsWellFormed(version) && ContentType(name) is { } type && NamesIn(store.ReadManifest(version)).Contains(name)
                ? (Path.Combine(store.VersionsFolder, version, Folder + name), type)
                : null;
        }
        catch (ArtifactException)
        {
            return null;
        }
    }

    private static string? ContentType(string name) => Path.GetExtension(name) switch
    {
        ".png" => "image/png",
        ".svg" => "image/svg+xml",
        _ => null,
    };
}
