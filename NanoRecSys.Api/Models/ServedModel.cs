using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Api.Models;

/// <summary>The model that is served now, and why a newer one is not.</summary>
public sealed class ServedModel : IDisposable
{
    private ModelSnapshot? _current;
    private volatile string? _refusal;

    /// <summary>Why the version that <c>current</c> names is not served; null while it is.</summary>
    public string? Refusal => _refusal;

    /// <summary>The served version's manifest and folder; null before the first.</summary>
    public ArtifactVersion? Artifacts => Volatile.Read(ref _current)?.Artifacts;

    /// <summary>The current snapshot, kept alive until the lease is disposed; null before the first.</summary>
    public SnapshotLease? Lease()
    {
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

    /// <summary>The version that <c>current</c> names is the one that is served.</summary>
    internal void Accept() => _refusal = null;

    internal void Refuse(string reason) => _refusal = reason;

    public void Dispose() => Swap(null);
}
