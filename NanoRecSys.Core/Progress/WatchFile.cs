namespace NanoRecSys.Core.Progress;

/// <summary><c>artifacts/watch.json</c>: what the command <c>watch</c> does.</summary>
internal static class WatchFile
{
    private const string FileName = "watch.json";

    /// <returns>Null where nothing was ever watched.</returns>
    public static WatchStatus? Read(string artifacts)
    {
        string path = Path.Combine(artifacts, FileName);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), CoreJson.Default.WatchStatus) : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public static void Write(string artifacts, WatchStatus status)
    {
        Directory.CreateDirectory(artifacts);
        AtomicFile.Write(Path.Combine(artifacts, FileName), JsonSerializer.SerializeToUtf8Bytes(status, CoreJson.Default.WatchStatus));
    }
}
