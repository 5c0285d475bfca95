namespace NanoRecSys.Api.Models;

/// <summary>Keeps a snapshot alive while a request uses it, also after a newer one took its place.</summary>
public sealed class SnapshotLease(ModelSnapshot model) : IDisposable
{
    private int _released;

    public ModelSnapshot Model { get; } = model;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _released, 1) == 0)
        {
            Model.ReleaseLease();
        }
    }
}
