namespace NanoRecSys.Core.Artifacts;

/// <summary>Small files that must be whole after a crash: written aside, flushed to the disk, renamed.</summary>
internal static class DurableFile
{
    public const string TemporarySuffix = ".tmp";

    public static void Replace(string path, byte[] content)
    {
        string temporary = $"{path}.{Guid.NewGuid():N}{TemporarySuffix}";
        try
        {
            using (FileStream file = new(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
