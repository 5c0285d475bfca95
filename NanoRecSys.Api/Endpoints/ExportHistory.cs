using System.Collections.Concurrent;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Training;

/// <summary>What <c>export</c> left in the artifacts folder, and which version holds the same network.</summary>
internal sealed class ExportHistory(ArtifactStore store)
{
    private const string Report = "parity.json"; // written last: with it an export is whole

    private readonly ConcurrentDictionary<string, (DateTime Written, string Sha256)> _hashes = new(StringComparer.Ordinal);

    /// <summary>By the data set's name.</summary>
    public IReadOnlyList<ExportSummary> Read()
    {
        var work = new DirectoryInfo(Path.Combine(store.Root, "work"));
        if (!work.Exists)
        {
            return [];
        }

        ILookup<string, string> versions = store.ListVersions().SelectMany(TowersOf).ToLookup(tower => tower.Sha256, tower => tower.Version);
        return [.. work.EnumerateDirectories()
            .OrderBy(folder => folder.Name, StringComparer.Ordinal)
            .Select(folder => Describe(folder, versions))
            .OfType<ExportSummary>()];
    }

    private IEnumerable<(string Sha256, string Version)> TowersOf(string version)
    {
        try
        {
            return [.. store.ReadManifest(version).Files.Where(file => file.Name == ArtifactNames.UserTower).Select(file => (file.Sha256, version))];
        }
        catch (ArtifactException)
        {
            return []; // the list of versions says what is wrong with it
        }
    }

    private ExportSummary? Describe(DirectoryInfo folder, ILookup<string, string> versions)
    {
        var report = new FileInfo(Path.Combine(folder.FullName, "export", Report));
        var tower = new FileInfo(Path.Combine(folder.FullName, "export", ArtifactNames.UserTower));
        try
        {
            return report.Exists && tower.Exists
                ? new ExportSummary(folder.Name, report.LastWriteTimeUtc, versions[Hash(tower)].FirstOrDefault())
                : null;
        }
        catch (IOException)
        {
            return null; // the next export is being written
        }
    }

    private string Hash(FileInfo file)
    {
        DateTime written = file.LastWriteTimeUtc;
        if (!_hashes.TryGetValue(file.FullName, out (DateTime Written, string Sha256) known) || known.Written != written)
        {
            known = (written, FileHash.Of(file.FullName));
            _hashes[file.FullName] = known;
        }

        return known.Sha256;
    }
}
