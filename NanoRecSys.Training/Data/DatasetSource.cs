using NanoRecSys.Core.Contracts;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>
/// Finds what <c>--data</c> names: <c>small</c> (the sample that ships with the program), one of GroupLens'
/// sets, or the path of a folder or a zip archive.
/// </summary>
public static class DatasetSource
{
    public const string Small = TrainingNames.Sample;
    public static readonly Uri GroupLens = new("https://files.grouplens.org/datasets/movielens/");
    public static IReadOnlyList<string> KnownNames => TrainingNames.Datasets;
    private const string SampleFolder = "data/movielens-small";

    /// <summary>The prepared data's name: the set's own, or that of the folder or archive.</summary>
    public static string NameOf(string data)
    {
        if (data == Small || KnownNames.Contains(data))
        {
            return data == Small ? Path.GetFileName(SampleFolder) : data;
        }

        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(data));
        string name = IsZip(full) ? Path.GetFileNameWithoutExtension(full) : Path.GetFileName(full);
        return name.Length > 0 ? name : throw new UserErrorException($"--data {data} has no name. Give a folder or an archive.");
    }

    /// <exception cref="UserErrorException">Nothing of that name, it cannot be downloaded, or it holds no ratings.</exception>
    public static async Task<MovieLensSource> OpenAsync(PrepareOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string data = options.Data;
        return data == Small ? new MovieLensSource(MovieLensFolder.Open(FindSample()))
            : KnownNames.Contains(data) ? await OpenKnownAsync(options, context)
            : IsZip(data) && File.Exists(data) ? MovieLensArchive.Open(data)
            : Directory.Exists(data) ? new MovieLensSource(MovieLensFolder.Open(data))
            : throw new UserErrorException($"--data {data} is neither {Small}, {string.Join(", ", KnownNames)} nor an existing folder or .zip file.");
    }

    private static async Task<MovieLensSource> OpenKnownAsync(PrepareOptions options, StepContext context)
    {
        string downloads = Path.Combine(context.Workspace.Store.Root, "downloads");
        string[] places = [.. FromHereUpward("data/" + options.Data), Path.Combine(downloads, options.Data)];
        if (places.FirstOrDefault(MovieLensFolder.IsOne) is { } there)
        {
            return new MovieLensSource(MovieLensFolder.Open(there));
        }

        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(100) };
        string folder = await new MovieLensDownload(http, options.DownloadFrom, downloads).FetchAsync(options.Data, context.Progress, context.Cancellation);
        return new MovieLensSource(MovieLensFolder.Open(folder)) { WasDownloaded = true };
    }

    private static bool IsZip(string path) => Path.GetExtension(path).Equals(".zip", StringComparison.OrdinalIgnoreCase);

    private static string FindSample() => FromHereUpward(SampleFolder).FirstOrDefault(Directory.Exists)
        ?? throw new UserErrorException($"There is no {SampleFolder} in {Directory.GetCurrentDirectory()}, beside the program, or above them. Give --data a folder.");

    private static IEnumerable<string> FromHereUpward(string relative)
    {
        foreach (string start in new[] { Directory.GetCurrentDirectory(), AppContext.BaseDirectory })
        {
            for (DirectoryInfo? at = new(start); at is not null; at = at.Parent)
            {
                yield return Path.Combine(at.FullName, relative);
            }
        }
    }
}
