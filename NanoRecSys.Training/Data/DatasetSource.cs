namespace NanoRecSys.Training.Data;

/// <summary>Finds what <c>--data</c> names: <c>small</c> (the sample that ships with the program), one of GroupLens' data sets, or the path of a file, a
/// folder or a zip archive, or a pattern of files.</summary>
internal static class DatasetSource
{
    public static readonly Uri GroupLens = new("https://files.grouplens.org/datasets/movielens/");
    private const string SampleFolder = "data/movielens-small";

    /// <summary>Name of the prepared data: the data set's own, or the file's, folder's or archive's.</summary>
    public static string NameOf(string data)
    {
        if (data == TrainingNames.Sample || TrainingNames.Datasets.Contains(data))
        {
            return data == TrainingNames.Sample ? Path.GetFileName(SampleFolder) : data;
        }

        UserErrorException.ThrowIf(string.IsNullOrWhiteSpace(data), $"--data is empty. Set it to a data set's name, a file, a folder or an archive.");

        string name = DataPlace.NameOf(data);
        return name.Length > 0 ? name : throw new UserErrorException($"--data {data} has no name. Set it to a file, a folder or an archive.");
    }

    public static async Task<OpenedData> OpenAsync(PrepareOptions options, StepContext context)
    {
        if (Find(options.Data, context.Workspace) is { } there)
        {
            return OpenedData.Open(there, options.Reading);
        }

        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(100) };
        string folder = await new MovieLensDownload(http, options.DownloadFrom, DownloadsOf(context.Workspace))
            .FetchAsync(options.Data, context.Progress, context.Cancellation);
        return OpenedData.Open(new DataPlace(folder), options.Reading, wasDownloaded: true);
    }

    /// <summary>Requires the prepared data, if there is any, to come from what <c>--data</c> names: only the last part of the path is its name. A copy at
    /// another path is the same data.</summary>
    public static async Task RequireUnchangedAsync(string data, Workspace workspace, CancellationToken cancellation)
    {
        // A known data set that is no longer here cannot have changed.
        if (Find(data, workspace) is not { } there || PreparedData.ReadSummary(workspace.DataFolder) is not { } prepared)
        {
            return;
        }

        string[] files = there.IsArchive ? [there.Path] : [.. there.Files().Select(file => file.Path)];
        bool isSame = prepared.Files.Where(file => !Path.IsPathRooted(file.Path)).Select(file => file.Path).Order(StringComparer.Ordinal)
            .SequenceEqual(files.Select(path => Path.GetRelativePath(there.Folder, path)).Order(StringComparer.Ordinal));
        foreach (SourceFile file in prepared.Files.Where(file => isSame && file.Sha256 is not null))
        {
            string path = Path.Combine(there.Folder, file.Path);
            isSame = File.Exists(path) && await FileHash.OfAsync(path, cancellation) == file.Sha256;
        }

        if (!isSame)
        {
            throw new UserErrorException(there.Path == prepared.Place
                ? $"{there.Path}, or a file there, changed after 'prepare'. Run 'prepare' and the steps after it again."
                : $"The prepared data in {workspace.DataFolder} comes from {prepared.Place}, but --data names {there.Path}, which has other contents. "
                    + "Run 'prepare' with this --data, or use another --artifacts folder.");
        }
    }

    /// <returns>Null for a known data set that must be downloaded.</returns>
    private static DataPlace? Find(string data, Workspace workspace) =>
        data == TrainingNames.Sample ? new DataPlace(Path.GetFullPath(FindSample()))
        : TrainingNames.Datasets.Contains(data)
            ? FromHereUpward("data/" + data).Append(Path.Combine(DownloadsOf(workspace), data)).FirstOrDefault(MovieLensFiles.AreIn) is { } known ? new DataPlace(Path.GetFullPath(known)) : null
        : DataPlace.Find(data)
        ?? throw new UserErrorException($"--data {data} is not {TrainingNames.Sample}, {string.Join(", ", TrainingNames.Datasets)}, an existing file, folder or .zip archive, or a pattern that matches files.");

    private static string DownloadsOf(Workspace workspace) => Path.Combine(workspace.Store.Root, "downloads");

    private static string FindSample() => FromHereUpward(SampleFolder).FirstOrDefault(Directory.Exists)
        ?? throw new UserErrorException($"There is no {SampleFolder} in {Directory.GetCurrentDirectory()}, next to the program, or in a parent folder of either. Set --data to a file or a folder.");

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
