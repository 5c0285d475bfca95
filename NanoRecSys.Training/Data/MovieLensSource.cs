namespace NanoRecSys.Training.Data;

/// <summary>Opened data; dispose it to remove what was unpacked only for the reading.</summary>
/// <param name="Files">What to read.</param>
/// <param name="TemporaryFolder">Deleted on dispose; null where the files are the user's own.</param>
public sealed record MovieLensSource(MovieLensFolder Files, string? TemporaryFolder) : IDisposable
{
    public void Dispose()
    {
        if (TemporaryFolder is not null)
        {
            FolderSwap.DeleteIfThere(TemporaryFolder);
        }
    }
}
