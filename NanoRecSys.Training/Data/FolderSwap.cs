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

    /// <summary>Writes the last file of a folder to be put in place: with it the folder is whole.</summary>
    public static void WriteLast(string finished, string name, byte[] content)
    {
        string temporary = Path.Combine(finished, name + ".tmp");
        File.WriteAllBytes(temporary, content);
        File.Move(temporary, Path.Combine(finished, name));
    }

    /// <summary>Does what a kill between the two moves of <see cref="Replace"/> left undone.</summary>
    /// <param name="folder">As there.</param>
    /// <param name="finished">As there.</param>
    /// <param name="lastFile">See <see cref="WriteLast"/>.</param>
    public static void Complete(string folder, string finished, string lastFile)
    {
        if (!Directory.Exists(folder) && File.Exists(Path.Combine(finished, lastFile)))
        {
            Directory.Move(finished, folder);
        }
    }

    public static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
