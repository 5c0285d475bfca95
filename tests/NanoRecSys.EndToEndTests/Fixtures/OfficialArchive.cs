using System.IO.Compression;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>
/// The sample's first users, packaged as GroupLens does: a zip with one folder, CRLF line ends, and files that are not
/// read. GroupLens's own archives may not be part of the repository.
/// </summary>
internal static class OfficialArchive
{
    private const string Name = "ml-latest-small";

    /// <returns>The movies watched, by user.</returns>
    public static ILookup<int, int> Write(string path, int users)
    {
        string sample = Path.Combine(RepositoryFolder.Root, "data", "movielens-small");
        string[] ratings = File.ReadAllLines(Path.Combine(sample, "ratings.csv"));
        string[] kept = [.. ratings.Skip(1).Where(row => Column(row, 0) <= users)];
        using ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create);
        archive.CreateEntry($"{Name}/");
        Add(archive, "README.txt", ["The sample's first users, in the layout of an official edition."]);
        Add(archive, "links.csv", ["movieId,imdbId,tmdbId"]);
        Add(archive, "ratings.csv", [ratings[0], .. kept]);
        Add(archive, "movies.csv", File.ReadAllLines(Path.Combine(sample, "movies.csv")));
        return kept.ToLookup(row => Column(row, 0), row => Column(row, 1));
    }

    private static int Column(string row, int column) => int.Parse(row.Split(',')[column]);

    private static void Add(ZipArchive archive, string file, IEnumerable<string> lines)
    {
        using var writer = new StreamWriter(archive.CreateEntry($"{Name}/{file}").Open()) { NewLine = "\r\n" };
        foreach (string line in lines)
        {
            writer.WriteLine(line);
        }
    }
}
