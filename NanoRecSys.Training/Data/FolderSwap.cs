namespace NanoRecSys.Training.Data;

/// <summary>Puts a finished folder in another's place, so that an interrupted step leaves the old one whole.</summary>
internal static class FolderSwap
{
    public static void Replace(string folder, string finished)
    {
        string old = $"{folder}.{Guid.NewGuid():N}.old";
        if (Directory.Exists(folder))
        {
            Directory.Move(folder, old);
        }

        Directory.Move(finished, folder);
        DeleteIfThere(old);
    }

    public static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
