using Microsoft.Extensions.Options;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Models;

/// <summary>
/// The published versions, and which of them is to be served. A change is written to the artifacts folder, which every
/// replica follows, and survives a restart. A version is verified byte for byte before it is named.
/// </summary>
public sealed class ModelVersions(ArtifactStore store, ServedModel served, IOptions<ModelsOptions> options)
{
    private const string Test = "test";

    public ModelList List() => new(
        store.ReadCurrent(), store.ReadPinned(), served.Artifacts?.Manifest.ModelVersion, [.. store.ListVersions().Select(Describe)]);

    /// <exception cref="ArtifactException">Nothing was published before the current one, or it is damaged.</exception>
    public ModelChange Rollback()
    {
        string? now = store.ReadCurrent();
        IReadOnlyList<string> versions = store.ListVersions();
        int place = versions.TakeWhile(version => version != now).Count();
        return place + 1 < versions.Count
            ? Activate(versions[place + 1])
            : throw new ArtifactException($"No version was published before {now ?? "the first"}.");
    }

    /// <exception cref="ArtifactException">There is no such version, or it is damaged.</exception>
    public ModelChange Activate(string version)
    {
        store.Open(version);
        string? previous = store.ReadCurrent();
        store.SetCurrent(version);
        return new ModelChange(store.ReadPinned() ?? version, previous);
    }

    /// <exception cref="ArtifactException">There is no such version, or it is damaged.</exception>
    public ModelChange Pin(string version)
    {
        store.Open(version);
        string? previous = store.ReadPinned() ?? store.ReadCurrent();
        store.Pin(version);
        return new ModelChange(version, previous);
    }

    /// <exception cref="ArtifactException">Nothing is pinned.</exception>
    public ModelChange Unpin()
    {
        string pinned = store.ReadPinned() ?? throw new ArtifactException("No version is pinned.");
        store.Unpin();
        return new ModelChange(store.ReadCurrent() ?? pinned, pinned);
    }

    private ModelVersionInfo Describe(string version)
    {
        double? weight = options.Value.Split.TryGetValue(version, out double share) ? share : null;
        try
        {
            Manifest manifest = store.ReadManifest(version);
            return new ModelVersionInfo(
                version, manifest.Created, manifest.Dataset.Name, manifest.Model.Kind, weight, [.. manifest.Metrics.Where(result => result.Split == Test)])
            {
                Plots = VersionPlots.NamesIn(manifest),
            };
        }
        catch (ArtifactException e)
        {
            return new ModelVersionInfo(version, null, null, null, weight, [], e.Message);
        }
    }
}
