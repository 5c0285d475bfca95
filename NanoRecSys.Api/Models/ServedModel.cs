using System.Collections.Frozen;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Api.Models;

/// <summary>The model that is served now, those that are split off beside it, and why a newer one is not.</summary>
public sealed class ServedModel(ModelSplit split) : IDisposable
{
    private ModelSnapshot? _current;
    private volatile string? _refusal;
    private volatile FrozenDictionary<string, ModelSnapshot> _beside = FrozenDictionary<string, ModelSnapshot>.Empty;

    /// <summary>Why the version that should be served is not; null while it is.</summary>
    public string? Refusal => _refusal;

    /// <summary>The served version's manifest and folder; null before the first.</summary>
    public ArtifactVersion? Artifacts => Volatile.Read(ref _current)?.Artifacts;

    /// <summary>Versions that <c>Models:Split</c> names and that are in memory.</summary>
    public IEnumerable<string> Beside => _beside.Keys;

    /// <summary>
    /// The snapshot that serves a user, kept alive until the lease is disposed; the current one where the user's share
    /// has none, or nobody in particular asks. Null before the first.
    /// </summary>
    public SnapshotLease? Lease(int? bucket = null)
    {
        if (bucket is { } who && split.Choose(who) is { } version && _beside.TryGetValue(version, out ModelSnapshot? chosen) && chosen.TryAddLease())
        {
            return new SnapshotLease(chosen);
        }

        while (Volatile.Read(ref _current) is { } snapshot)
        {
            // False only where a swap came between the two lines: the next round finds the new one.
            if (snapshot.TryAddLease())
            {
                return new SnapshotLease(snapshot);
            }
        }

        return null;
    }

    internal void Swap(ModelSnapshot? next)
    {
        ModelSnapshot? previous = Interlocked.Exchange(ref _current, next);
        Accept();
        previous?.ReleaseLease();
    }

    /// <summary>Serves a snapshot to its share of the users, for as long as the process lives.</summary>
    internal void AddBeside(ModelSnapshot snapshot) => _beside = _beside
        .Append(new KeyValuePair<string, ModelSnapshot>(snapshot.Version, snapshot))
        .ToFrozenDictionary();

    /// <summary>The version that should be served is the one that is.</summary>
    internal void Accept() => _refusal = null;

    internal void Refuse(string reason) => _refusal = reason;

    public void Dispose()
    {
        Swap(null);
        foreach (ModelSnapshot snapshot in _beside.Values)
        {
            snapshot.ReleaseLease();
        }

        _beside = FrozenDictionary<string, ModelSnapshot>.Empty;
    }
}
