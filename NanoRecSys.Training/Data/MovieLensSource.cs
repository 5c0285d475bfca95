namespace NanoRecSys.Training.Data;

/// <summary>Opened data; dispose it to remove what was unpacked only for the reading.</summary>
/// <param name="Files">What to read.</param>
public sealed record MovieLensSource(MovieLensFolder Files) : IDisposable
{
    /// <summary>Deleted on dispose; null where the files stay.</summary>
    public string? TemporaryFolder { get; init; }

    /// <summary>Whether opening it took a download.</summary>
    public bool WasDownloaded { get; init; }

    public void Dispose()
    {
        if (TemporaryFolder is not null)
        {
            FolderSwap.DeleteIfThere(TemporaryFolder);
        }
    }
}
