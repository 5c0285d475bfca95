using System.IO.Compression;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>Unpacks what is read of a MovieLens zip archive.</summary>
public static class MovieLensArchive
{
    /// <summary>Into a temporary folder that goes away with the result.</summary>
    /// <exception cref="UserErrorException">Not a zip archive, or it holds no ratings.</exception>
    public static MovieLensSource Open(string zip)
    {
        string folder = Directory.CreateTempSubdirectory("nanorecsys-").FullName;
        try
        {
            Unpack(zip, folder);
            return new MovieLensSource(MovieLensFolder.Open(folder)) { TemporaryFolder = folder };
        }
        catch
        {
            FolderSwap.DeleteIfThere(folder);
            throw;
        }
    }

    /// <summary>
    /// Only the files that are read, each under its plain name, whatever folders the archive puts them in: no
    /// entry can name a place outside <paramref name="folder"/>, and what is not needed costs no disk.
    /// </summary>
    /// <exception cref="UserErrorException">Not a zip archive, damaged, or it holds no ratings.</exception>
    public static void Unpack(string zip, string folder)
    {
        try
        {
            using ZipArchive archive = ZipFile.OpenRead(zip);
            foreach (ZipArchiveEntry entry in archive.Entries.Where(e => MovieLensFolder.FileNames.Contains(e.Name)))
            {
                string target = Path.Combine(folder, entry.Name);
                if (File.Exists(target))
                {
                    throw new UserErrorException($"{zip} holds more than one {entry.Name}. Unpack it and give --data the folder of one.");
                }

                entry.ExtractToFile(target);
            }
        }
        catch (InvalidDataException e)
        {
            throw new UserErrorException($"{zip} is not a whole zip archive: {e.Message}", e);
        }
    }
}
