namespace NanoRecSys.Core.Artifacts;

/// <summary>One publisher at a time, across processes: an open file that no other may open. A dead process holds nothing.</summary>
internal sealed class PublishLock : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private readonly FileStream _file;

    private PublishLock(FileStream file) => _file = file;

    /// <exception cref="ArtifactException">Another publisher did not finish in time.</exception>
    public static PublishLock Take(string folder)
    {
        string path = Path.Combine(folder, ".publish.lock");
        long started = Environment.TickCount64;
        while (true)
        {
            try
            {
                return new PublishLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException) when (File.Exists(path))
            {
                if (Environment.TickCount64 - started > Patience.TotalMilliseconds)
                {
                    throw new ArtifactException($"Another publisher has held {path} for {Patience.TotalSeconds:F0} seconds. Wait for it, then run 'publish' again.");
                }

                Thread.Sleep(Pause);
            }
        }
    }

    public void Dispose() => _file.Dispose();
}
