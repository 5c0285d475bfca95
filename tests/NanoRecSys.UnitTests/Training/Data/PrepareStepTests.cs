using System.IO.Compression;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.UnitTests.Fixtures;

namespace NanoRecSys.UnitTests.Training.Data;

public sealed class PrepareStepTests : IDisposable
{
    // Two users whose rows are mixed and out of time; user 5's two rows of time 20 are in file order 300, 100.
    private const string Ratings = """
        userId,movieId,rating,timestamp
        5,300,4,20
        2,100,3,7
        5,200,5,10
        5,100,1,20
        2,300,2.5,5
        2,100,4,9

        """;

    private const string Movies = """
        movieId,title,genres
        100,"Matrix, The (1999)",Action|Sci-Fi
        300,Heat (1995),Crime

        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Items_are_rows_in_order_of_first_appearance_and_histories_are_in_order_of_time()
    {
        PreparedData data = await PrepareAsync(Ratings, Movies);

        Assert.Equal([300, 100, 200], data.Catalog.Items.Select(item => item.MovieId));
        Assert.Equal([2, 5], data.Histories.UserIds.ToArray());
        Assert.Equal([0, 1, 1], data.Histories.At(0).ToArray()); // 300 at 5, 100 at 7, 100 again at 9.
        Assert.Equal([2, 0, 1], data.Histories.At(1).ToArray()); // 200 at 10, then 300 and 100 at 20 in file order.
    }

    [Fact]
    public async Task Each_items_time_stands_beside_it()
    {
        PreparedData data = await PrepareAsync(Ratings, Movies);

        Assert.Equal([5, 7, 9], data.Split.Times(0).ToArray());
        Assert.Equal([10, 20, 20], data.Split.Times(1).ToArray());
    }

    [Theory]
    [InlineData("cut", "interactions need")]
    [InlineData("other users", "dataset.json counts 2 users, 6 interactions and 3 items")]
    [InlineData("unknown item", "names item row 3, the catalog has 3 rows")]
    [InlineData("missing", "histories.bin")]
    public async Task Damaged_histories_are_refused_with_the_reason_and_the_remedy(string damage, string reason)
    {
        string folder = StepContexts.In(_folder.Path, "raw").Workspace.DataFolder;
        await PrepareAsync(Ratings, Movies);
        string path = Path.Combine(folder, PreparedData.HistoriesName);
        byte[] whole = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        File.Delete(path);
        switch (damage)
        {
            case "cut":
                await File.WriteAllBytesAsync(path, whole[..^1], TestContext.Current.CancellationToken);
                break;
            case "other users":
                HistoriesFile.Write(path, new UserHistories([1], [0, 1], [0], [0]));
                break;
            case "unknown item":
                HistoriesFile.Write(path, new UserHistories([2, 5], [0, 3, 6], [0, 1, 1, 2, 0, 3], [5, 7, 9, 10, 20, 20]));
                break;
        }

        var error = await Assert.ThrowsAsync<UserErrorException>(() => PreparedData.LoadAsync(folder, TestContext.Current.CancellationToken));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.EndsWith("Run 'prepare' again.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_summary_counts_what_is_there()
    {
        DatasetSummary summary = (await PrepareAsync(Ratings, Movies)).Summary;

        Assert.Equal((2, 3, 6L), (summary.Users, summary.Items, summary.Interactions));
        Assert.Equal((0L, 1L, 1), (summary.Skipped, summary.Repeated, summary.TiedUsers));
        Assert.Equal(64, summary.Sha256.Length);
    }

    [Fact]
    public async Task The_hash_changes_with_rows_histories_and_split_and_with_nothing_else()
    {
        string first = (await PrepareAsync(Ratings, Movies)).Hash;

        Assert.Equal(first, (await PrepareAsync(Ratings.Replace(",2.5,", ",3.5,", StringComparison.Ordinal), movies: null)).Hash);
        string[] others =
        [
            (await PrepareAsync("2,100,3,7\n" + Ratings.Replace("2,100,3,7\n", "", StringComparison.Ordinal)["userId,movieId,rating,timestamp\n".Length..], Movies)).Hash,
            (await PrepareAsync(Ratings.Replace("2,300,2.5,5", "2,200,2.5,5", StringComparison.Ordinal), Movies)).Hash,
            (await PrepareAsync(Ratings.Replace("5,200,5,10", "5,200,5,11", StringComparison.Ordinal), Movies)).Hash,
            (await PrepareAsync(Ratings, Movies, new PrepareOptions { Split = SplitKind.Time, HeldOutShare = 0.5 })).Hash,
        ];
        Assert.Equal(5, others.Append(first).Distinct().Count());
    }

    [Fact]
    public async Task Titles_are_taken_apart_and_a_movie_that_is_not_listed_goes_by_its_id()
    {
        PreparedData data = await PrepareAsync(Ratings, Movies);

        Assert.Equal(("The Matrix", 1999), (data.Catalog.Items[1].Title, data.Catalog.Items[1].Year));
        Assert.Equal(["Action", "Sci-Fi"], data.Catalog.Items[1].Genres);
        Assert.Equal(("200", null), (data.Catalog.Items[2].Title, data.Catalog.Items[2].Year));
    }

    [Fact]
    public async Task Without_a_movies_file_ids_serve_as_titles()
    {
        PreparedData data = await PrepareAsync(Ratings, movies: null);

        Assert.Equal(["300", "100", "200"], data.Catalog.Items.Select(item => item.Title));
        Assert.All(data.Catalog.Items, item => Assert.Empty(item.Genres));
    }

    [Fact]
    public async Task The_catalogs_counts_are_those_of_the_training_part()
    {
        PreparedData data = await PrepareAsync(Ratings, Movies);

        Assert.Equal([1, 0, 1], data.Catalog.Items.Select(item => item.Count)); // Each user trains on the first item.
        Assert.Equal([1, 0, 1], data.TrainCounts);
    }

    [Fact]
    public async Task The_k_core_filter_drops_until_nothing_is_left_to_drop()
    {
        // Item 9 has one interaction; without it user 3 has one; without that item 8 has one; and so on to users 1 and 2.
        const string Chain = "1,1,1,1\n1,2,1,2\n2,1,1,1\n2,2,1,2\n3,9,1,1\n3,8,1,2\n4,8,1,1\n4,7,1,2\n";

        PreparedData data = await PrepareAsync(Chain, movies: null, new PrepareOptions { KCore = 2 });

        Assert.Equal([1, 2], data.Histories.UserIds.ToArray());
        Assert.Equal([1, 2], data.Catalog.Items.Select(item => item.MovieId));
        Assert.Equal(4, data.Summary.Skipped);
    }

    [Fact]
    public async Task Interactions_rated_below_the_threshold_are_dropped_before_the_k_core_filter()
    {
        PreparedData data = await PrepareAsync(Ratings, Movies, new PrepareOptions { MinRating = 3, KCore = 2 });

        // Without 5's and 2's low ratings item 300 has one user and item 200 one; only item 100, had twice by user 2, is left.
        Assert.Equal([2], data.Histories.UserIds.ToArray());
        Assert.Equal([7, 9], data.Split.Times(0).ToArray());
        Assert.Equal((2L, 2L, 3.0), (data.Summary.LowRated, data.Summary.Skipped, data.Summary.MinRating));
    }

    [Fact]
    public async Task A_threshold_that_nothing_reaches_is_named()
    {
        var error = await Assert.ThrowsAsync<UserErrorException>(() => PrepareAsync(Ratings, Movies, new PrepareOptions { MinRating = 5.5 }));

        Assert.Equal("No interaction has a rating of 5.5 or more. Lower --min-rating.", error.Message);
    }

    [Fact]
    public async Task A_split_by_time_is_written_down_and_read_back()
    {
        // In order of time: 5, 7, 9, 10, 20, 20; a third of six are the two at 20 (user 5's last), so nothing tells the parts apart.
        await Assert.ThrowsAsync<UserErrorException>(() => PrepareAsync(Ratings, Movies, new PrepareOptions { Split = SplitKind.Time, HeldOutShare = 0.3 }));

        PreparedData data = await PrepareAsync(Ratings, Movies, new PrepareOptions { Split = SplitKind.Time, HeldOutShare = 0.5 });

        Assert.Equal(new TimeCuts(10, 20), data.Summary.Cuts);
        Assert.Equal(("time", "time"), (data.Summary.Split, data.Split.Name));
        Assert.Equal([0, 1, 1], data.Split.Train(0).ToArray());
        Assert.True(data.Split.Train(1).IsEmpty);
        Assert.Equal([1, 2, 0], data.Catalog.Items.Select(item => item.Count));
        Assert.True(data.Split.TryGet(1, HeldOut.Test, out HeldOutCase test));
        Assert.Equal((0, 20L), (test.Target, test.Now));
    }

    [Fact]
    public async Task A_failed_prepare_leaves_the_previous_one_usable()
    {
        await PrepareAsync(Ratings, Movies);

        await Assert.ThrowsAsync<UserErrorException>(() => PrepareAsync("1,2,3,oops\n", Movies));

        StepContext context = StepContexts.In(_folder.Path, "raw");
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, TestContext.Current.CancellationToken);
        Assert.Equal(6, data.Summary.Interactions);
        Assert.Equal([context.Workspace.DataFolder], Directory.EnumerateDirectories(Path.GetDirectoryName(context.Workspace.DataFolder)!));
    }

    [Fact]
    public async Task An_archive_is_read_whatever_folder_its_files_are_in_and_writes_nowhere_else()
    {
        string zip = Path.Combine(_folder.Path, "set.zip");
        using (ZipArchive archive = ZipFile.Open(zip, ZipArchiveMode.Create))
        {
            Add(archive, "../../outside/ratings.csv", Ratings);
            Add(archive, "nested/movies.csv", Movies);
            Add(archive, "../evil.txt", "not unpacked");
        }

        StepContext context = StepContexts.In(_folder.Path, "set");
        DatasetSummary summary = await PrepareStep.RunAsync(new PrepareOptions { Data = zip }, context);

        Assert.Equal(6, summary.Interactions);
        Assert.Empty(Directory.EnumerateFiles(Path.GetDirectoryName(_folder.Path)!, "evil.txt"));
        Assert.False(Directory.Exists(Path.GetDirectoryName(summary.Source)));
    }

    [Fact]
    public async Task What_was_never_prepared_says_what_to_run()
    {
        var error = await Assert.ThrowsAsync<UserErrorException>(() => PreparedData.LoadAsync(Path.Combine(_folder.Path, "none"), TestContext.Current.CancellationToken));

        Assert.Contains("Run 'prepare' first", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_sample_that_ships_is_found_from_the_working_directory_upward()
    {
        DatasetSummary summary = await PrepareStep.RunAsync(new PrepareOptions(), StepContexts.In(_folder.Path, "movielens-small"));

        Assert.Equal((671, 9066, 100_004L), (summary.Users, summary.Items, summary.Interactions));
    }

    private async Task<PreparedData> PrepareAsync(string ratings, string? movies, PrepareOptions? options = null)
    {
        string raw = Directory.CreateDirectory(Path.Combine(_folder.Path, "raw")).FullName;
        await File.WriteAllTextAsync(Path.Combine(raw, "ratings.csv"), ratings);
        if (movies is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(raw, "movies.csv"), movies);
        }

        StepContext context = StepContexts.In(_folder.Path, "raw");
        await PrepareStep.RunAsync((options ?? new PrepareOptions()) with { Data = raw }, context);
        return await PreparedData.LoadAsync(context.Workspace.DataFolder);
    }

    private static void Add(ZipArchive archive, string name, string text)
    {
        using var writer = new StreamWriter(archive.CreateEntry(name).Open());
        writer.Write(text);
    }
}
