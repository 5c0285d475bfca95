using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>
/// Finds what <c>--data</c> names: <c>small</c> (the sample that ships with the program), one of GroupLens'
/// sets, or the path of a folder or a zip archive.
/// </summary>
public static class DatasetSource
{
    public const string Small = "small";
    public static readonly Uri GroupLens = new("https://files.grouplens.org/datasets/movielens/");
    public static readonly IReadOnlyList<string> KnownNames = ["ml-latest-small", "ml-100k", "ml-1m", "ml-20m", "ml-25m"];
    private const string SampleFolder = "data/movielens-small";

    /// <summary>The prepared data's name: the set's own, or that of the folder or archive.</summary>
    public static string NameOf(string data)
    {
        if (data == Small)
        {
            return Path.GetFileName(SampleFolder);
        }

        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(data));
        string name = IsZip(full) ? Path.GetFileNameWithoutExtension(full) : Path.GetFileName(full);
        return name.Length > 0 ? name : throw new UserErrorException($"--data {data} has no name. Give a folder or an archive.");
    }

    /// <exception cref="UserErrorException">Nothing of that name, or it holds no ratings.</exception>
    public static async Task<MovieLensSource> OpenAsync(PrepareOptions options, StepContext context)
    {
        string data = options.Data;
        if (data == Small)
        {
            return new MovieLensSource(MovieLensFolder.Open(FindSample()), null);
        }

        await Task.CompletedTask;
        return IsZip(data) && File.Exists(data) ? MovieLensArchive.Open(data)
            : Directory.Exists(data) ? new MovieLensSource(MovieLensFolder.Open(data), null)
            : throw new UserErrorException($"--data {data} is neither a known name nor an existing folder or .zip file.");
    }

    private static bool IsZip(string path) => Path.GetExtension(path).Equals(".zip", StringComparison.OrdinalIgnoreCase);

    private static string FindSample()
    {
        string[] starts = [Directory.GetCurrentDirectory(), AppContext.BaseDirectory];
        return starts.SelectMany(Upward).Select(folder => Path.Combine(folder, SampleFolder)).FirstOrDefault(Directory.Exists)
            ?? throw new UserErrorException($"There is no {SampleFolder} in {starts[0]}, beside the program, or above them. Give --data a folder.");
    }

    private static IEnumerable<string> Upward(string folder)
    {
        for (DirectoryInfo? at = new(folder); at is not null; at = at.Parent)
        {
            yield return at.FullName;
        }
    }
}
