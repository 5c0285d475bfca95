using System.IO.Compression;
using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data;

public sealed class PrepareStepTests : FolderTests
{
    // Two users whose rows are interleaved and not in order of time; user 5's two rows at time 20 are in the order 300, 100.
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

    // Without the repeat; in order of time: 5, 7, 9 (user 2), 10, 20, 20 (user 5).
    private static readonly string WithoutRepeat = Ratings.Replace("2,100,4,9", "2,200,4,9", StringComparison.Ordinal);

    [Fact]
    public async Task Items_are_rows_in_order_of_first_appearance_and_histories_are_in_order_of_time()
    {
        PreparedData data = await PrepareAsync(Ratings, Movies);

        Assert.Equal([300, 100, 200], data.Catalog.Items.Select(item => item.Id));
        Assert.Equal([("Heat", 1995), ("The Matrix", 1999), ("200", (int?)null)], data.Catalog.Items.Select(item => (item.Title, item.Year)));
        Assert.Equal(["Action", "Sci-Fi"], data.Catalog.Items[1].Categories);
        Assert.Equal([1, 0, 1], data.Catalog.Items.Select(item => item.Count)); // Each user trains on the first item.
        Assert.Equal([1, 0, 1], data.TrainCounts);
        Assert.Equal([2, 5], data.Histories.Users.ToArray());
        Assert.Equal([0, 1, 1], data.Histories.At(0).ToArray()); // 300 at 5, 100 at 7, 100 again at 9.
        Assert.Equal([5, 7, 9], data.Split.Times(0).ToArray());
        Assert.Equal([2, 0, 1], data.Histories.At(1).ToArray()); // 200 at 10, then 300 and 100 at 20 in file order.
        Assert.Equal([10, 20, 20], data.Split.Times(1).ToArray());
        DatasetSummary summary = data.Summary;
        Assert.Equal((2, 3, 6L), (summary.Users, summary.Items, summary.Interactions));
        Assert.Equal((0L, 1L, 1), (summary.Skipped, summary.Repeated, summary.TiedUsers));
        Assert.Equal(64, summary.Sha256.Length);
    }

    [Theory]
    [InlineData("cut", "interactions need")]
    [InlineData("other users", "dataset.json counts 2 users, 6 interactions and 3 items")]
    [InlineData("unknown item", "names item row 3, the catalog has 3 rows")]
    [InlineData("another time", "histories.bin or catalog.parquet changed after dataset.json was written")]
    [InlineData("missing", "histories.bin")]
    public async Task Damaged_histories_are_refused_with_the_reason_and_the_remedy(string damage, string reason)
    {
        string folder = StepContexts.In(Folder.Path, "raw").Workspace.DataFolder;
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
                HistoriesFile.Write(folder, new UserHistories([1], [0, 1], [0], [0]));
                break;
            case "another time":
                HistoriesFile.Write(folder, new UserHistories([2, 5], [0, 3, 6], [0, 1, 1, 2, 0, 1], [6, 7, 9, 10, 20, 20]));
                break;
            case "unknown item":
                HistoriesFile.Write(folder, new UserHistories([2, 5], [0, 3, 6], [0, 1, 1, 2, 0, 3], [5, 7, 9, 10, 20, 20]));
                break;
        }

        await Assert.RefusedAsync(() => PreparedData.LoadAsync(folder, TestContext.Current.CancellationToken), reason, "Run 'prepare' again.");
    }

    [Fact]
    public async Task The_hash_changes_with_rows_histories_and_split_and_with_nothing_else()
    {
        string first = (await PrepareAsync(WithoutRepeat, Movies)).Hash;

        Assert.Equal(first, (await PrepareAsync(WithoutRepeat.Replace(",2.5,", ",3.5,", StringComparison.Ordinal), movies: null)).Hash);
        string[] others =
        [
            (await PrepareAsync("2,100,3,7\n" + WithoutRepeat.Replace("2,100,3,7\n", "", StringComparison.Ordinal)["userId,movieId,rating,timestamp\n".Length..], Movies)).Hash,
            (await PrepareAsync(WithoutRepeat.Replace("2,300,2.5,5", "2,400,2.5,5", StringComparison.Ordinal), Movies)).Hash,
            (await PrepareAsync(WithoutRepeat.Replace("5,200,5,10", "5,200,5,11", StringComparison.Ordinal), Movies)).Hash,
            (await PrepareAsync(WithoutRepeat, Movies, new PrepareOptions { Split = SplitKind.Time, HeldOutShare = 0.6 })).Hash,
        ];
        Assert.Equal(5, others.Append(first).Distinct().Count());
    }

    [Fact]
    public async Task Without_a_movies_file_ids_serve_as_titles()
    {
        PreparedData data = await PrepareAsync(Ratings, movies: null);

        Assert.Equal(["300", "100", "200"], data.Catalog.Items.Select(item => item.Title));
        Assert.All(data.Catalog.Items, item => Assert.Empty(item.Categories));
    }

    [Fact]
    public async Task The_k_core_filter_repeats_until_nothing_changes()
    {
        // Item 9 has one interaction; without it user 3 has one; without that item 8 has one; and so on to users 1 and 2.
        const string Chain = "1,1,1,1\n1,2,1,2\n1,3,1,3\n2,1,1,1\n2,2,1,2\n2,3,1,3\n3,9,1,1\n3,8,1,2\n4,8,1,1\n4,7,1,2\n";

        PreparedData data = await PrepareAsync(Chain, movies: null, new PrepareOptions { KCore = 2 });

        Assert.Equal([1, 2], data.Histories.Users.ToArray());
        Assert.Equal([1, 2, 3], data.Catalog.Items.Select(item => item.Id));
        Assert.Equal(4, data.Summary.Skipped);
    }

    [Fact]
    public async Task Interactions_rated_below_the_threshold_are_dropped_before_the_k_core_filter()
    {
        // User 3 and item 13 have two interactions each, one of them with a low rating.
        const string Rows = "1,10,4,1\n1,11,4,2\n1,12,4,3\n2,10,4,1\n2,11,4,2\n2,12,4,3\n2,13,2,4\n3,13,4,1\n3,10,2,2\n";

        PreparedData data = await PrepareAsync(Rows, movies: null, new PrepareOptions { MinRating = 3, KCore = 2 });

        Assert.Equal([1, 2], data.Histories.Users.ToArray());
        Assert.Equal([1, 2, 3], data.Split.Times(1).ToArray());
        Assert.Equal((2L, 1L, 3.0), (data.Summary.LowRated, data.Summary.Skipped, data.Summary.MinRating));
    }

    [Fact]
    public async Task A_threshold_above_all_ratings_is_named()
    {
        await Assert.RefusedAsync(() => PrepareAsync(Ratings, Movies, new PrepareOptions { MinRating = 5.5 }), "No interaction has a rating of 5.5 or more. Lower --min-rating.");
    }

    [Fact]
    public async Task A_split_by_time_is_stored_and_read_back()
    {
        // A third of six interactions are user 5's last two, both at time 20: no time separates validation from test.
        await Assert.ThrowsAsync<UserErrorException>(() => PrepareAsync(WithoutRepeat, Movies, new PrepareOptions { Split = SplitKind.Time, HeldOutShare = 0.33 }));

        PreparedData data = await PrepareAsync(WithoutRepeat, Movies, new PrepareOptions { Split = SplitKind.Time, HeldOutShare = 0.6 });

        Assert.Equal(new TimeCuts(9, 20), data.Summary.Cuts);
        Assert.Equal("time", data.Summary.Split);
        Assert.IsType<TimeSplit>(data.Split);
        Assert.Equal([0, 1], data.Split.Train(0).ToArray());
        Assert.True(data.Split.Train(1).IsEmpty);
        Assert.Equal([1, 1, 0], data.Catalog.Items.Select(item => item.Count));
        Assert.True(data.Split.TryGet(1, HeldOut.Test, out HeldOutCase test));
        Assert.Equal((0, 20L), (test.Target, test.History.Now));
    }

    [Fact]
    public async Task A_failed_prepare_leaves_the_previous_one_usable()
    {
        await PrepareAsync(Ratings, Movies);

        await Assert.ThrowsAsync<UserErrorException>(() => PrepareAsync("1,2,3,oops\n", Movies));

        StepContext context = StepContexts.In(Folder.Path, "raw");
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, TestContext.Current.CancellationToken);
        Assert.Equal(6, data.Summary.Interactions);
        Assert.Equal([context.Workspace.DataFolder], Directory.EnumerateDirectories(Path.GetDirectoryName(context.Workspace.DataFolder)!));
    }

    [Fact]
    public async Task An_archive_is_read_from_any_inner_folder_and_writes_nowhere_else()
    {
        string zip = Zip("set.zip", ("../../outside/ratings.csv", Ratings), ("nested/movies.csv", Movies), ("../evil.txt", "not unpacked"));

        StepContext context = StepContexts.In(Folder.Path, "set");
        DatasetSummary summary = await PrepareStep.RunAsync(new PrepareOptions { Data = zip }, context);

        Assert.Equal(6, summary.Interactions);
        Assert.Empty(Directory.EnumerateFiles(Path.GetDirectoryName(Folder.Path)!, "evil.txt"));
        Assert.Equal(zip, summary.Source);
    }

    [Fact]
    public async Task An_archives_files_are_found_in_any_letter_case_and_messages_name_the_archive()
    {
        string zip = Zip("Export.ZIP", ("Export/RATINGS.csv", Ratings), ("Export/Movies.CSV", Movies.Replace("100,", ",", StringComparison.Ordinal)));

        StepContext context = StepContexts.In(Folder.Path, "set");
        var error = await Assert.ThrowsAsync<UserErrorException>(() => PrepareStep.RunAsync(new PrepareOptions { Data = zip }, context));
        Assert.StartsWith($"{zip}/Movies.CSV, line 2: the movieId is missing", error.Message, StringComparison.Ordinal);

        using (ZipArchive archive = ZipFile.Open(zip, ZipArchiveMode.Update))
        {
            archive.GetEntry("Export/Movies.CSV")!.Delete();
            archive.GetEntry("Export/RATINGS.csv")!.Delete();
        }

        error = await Assert.ThrowsAsync<UserErrorException>(() => PrepareStep.RunAsync(new PrepareOptions { Data = zip }, context));
        Assert.StartsWith($"{zip} contains no data file: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_archive_is_refused_although_its_rows_can_be_read()
    {
        string zip = Zip("set.zip", ("set/ratings.csv", Ratings));
        byte[] bytes = await File.ReadAllBytesAsync(zip, TestContext.Current.CancellationToken);
        bytes[bytes.AsSpan().IndexOf("2,300,2.5"u8)] = (byte)'7';
        await File.WriteAllBytesAsync(zip, bytes, TestContext.Current.CancellationToken);

        var error = await Assert.ThrowsAsync<UserErrorException>(
            () => PrepareStep.RunAsync(new PrepareOptions { Data = zip }, StepContexts.In(Folder.Path, "set")));

        Assert.Equal($"{zip} is damaged: the checksum of set/ratings.csv does not match. Copy or download the archive again.", error.Message);
    }

    [Fact]
    public async Task Ratings_in_two_formats_are_refused()
    {
        string raw = Directory.CreateDirectory(Path.Combine(Folder.Path, "raw")).FullName;
        await File.WriteAllTextAsync(Path.Combine(raw, "Ratings.dat"), "1::2::3::4\n", TestContext.Current.CancellationToken);

        await Assert.RefusedAsync(() => PrepareAsync(Ratings, Movies), $"{raw} contains several files of ratings (Ratings.dat, ratings.csv). Keep one of them, or set --data to one.");
    }

    [Fact]
    public async Task A_folders_files_are_found_in_any_letter_case_and_a_missing_movies_file_is_named()
    {
        string raw = Directory.CreateDirectory(Path.Combine(Folder.Path, "raw")).FullName;
        await File.WriteAllTextAsync(Path.Combine(raw, "Ratings.CSV"), Ratings, TestContext.Current.CancellationToken);
        DatasetSummary without = await PrepareStep.RunAsync(new PrepareOptions { Data = raw }, StepContexts.In(Folder.Path, "raw"));
        await File.WriteAllTextAsync(Path.Combine(raw, "MOVIES.csv"), Movies, TestContext.Current.CancellationToken);
        StepContext context = StepContexts.In(Folder.Path, "raw");
        DatasetSummary with = await PrepareStep.RunAsync(new PrepareOptions { Data = raw }, context);

        Assert.Contains("No file next to Ratings.CSV describes the items, so they have no titles or categories, only ids. Name one with --items.", without.Notes);
        Assert.DoesNotContain(with.Notes, note => note.StartsWith("No file next to", StringComparison.Ordinal));
        Assert.Equal("Heat", (await PreparedData.LoadAsync(context.Workspace.DataFolder, TestContext.Current.CancellationToken)).Catalog.Items[0].Title);
    }

    [Theory]
    [InlineData("000", "milliseconds")]
    [InlineData("000000", "microseconds")]
    [InlineData("000000000", "nanoseconds")]
    public async Task Finer_times_become_seconds_and_keep_their_order_within_a_second(string zeros, string unit)
    {
        string later = "1" + zeros[1..];
        string rows = $"1,10,4,1500000000{zeros}\n1,12,4,1500000007{later}\n1,11,4,1500000007{zeros}\n";

        PreparedData data = await PrepareAsync(rows, movies: null);

        Assert.Equal([10, 11, 12], data.Histories.At(0).ToArray().Select(row => data.Catalog.Items[row].Id));
        Assert.Equal([1_500_000_000, 1_500_000_007, 1_500_000_007], data.Histories.Times.ToArray());
        Assert.Equal(unit, data.Summary.TimeUnit);
        Assert.Contains($"The timestamps are {unit} since 1970 and were converted to seconds.", data.Summary.Notes);
    }

    [Fact]
    public async Task Times_of_two_units_are_refused()
    {
        var error = await Assert.ThrowsAsync<UserErrorException>(() => PrepareAsync("1,10,4,1500000000\n1,11,4,1500000001000\n1,12,4,0\n", movies: null));

        Assert.Equal(
            "Some timestamps look like seconds (1500000000), others like milliseconds (1500000001000). Write all of them in one unit, preferably seconds since 1970.",
            error.Message);
    }

    [Fact]
    public async Task Exact_copies_of_rows_are_dropped_and_repeats_are_kept_and_counted()
    {
        const string Rows = "1,10,4,1\n1,11,4,2\n1,12,4,3\n1,10,4,1\n2,10,4,1\n2,11,4,2\n2,10,4,3\n2,10,3,3\n1,10,4,1\n";
        PreparedData data = await PrepareAsync(Rows, movies: null);

        Assert.Equal((2, 7L, 2L), (data.Summary.Duplicates, data.Summary.Interactions, data.Summary.Repeated));
        Assert.Equal([0, 1, 2], data.Histories.At(0).ToArray());
        Assert.Contains("2 rows are exact copies of earlier ones and were dropped. --keep-repeats keeps them.", data.Summary.Notes);
        Assert.Contains(data.Summary.Notes, note => note.StartsWith("2 interactions repeat an earlier item", StringComparison.Ordinal)
            && note.Contains("1 of 2 users on validation and 1 of 2 on test", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("1,1,4,1\n2,2,4,2\n", "No user has 3 interactions, of which the last two are held out: the longest history has 1.")]
    [InlineData("1,7,4,1\n1,7,4,2\n1,7,4,3\n1,7,4,4\n", "All 1 validation items repeat an earlier item of their user, and seen items are never recommended")]
    [InlineData("1,1,1500000000,4\n1,2,1500000001,4\n1,3,1500000002,4\n", "The columns rating and timestamp look swapped: ratings reach 1500000000, timestamps 4.")]
    public async Task Unusable_data_is_refused(string rows, string reason)
    {
        await Assert.RefusedAsync(() => PrepareAsync(rows, movies: null), reason);
    }

    [Fact]
    public async Task Unusual_ratings_and_times_and_too_little_to_train_on_are_noted()
    {
        PreparedData data = await PrepareAsync("1,10,-1,1\n1,11,4,2\n1,12,10,3\n", movies: null);

        string[] expected = ["No file next to ratings.csv", "1 ratings are negative (down to -1)", "All timestamps are below 31,536,000 (1 to 3)", "No user has 4 interactions"];
        Assert.Equal(expected.Length, data.Summary.Notes.Count);
        Assert.All(expected.Zip(data.Summary.Notes), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("20010102,20010103,20010104", true)] // dates
    [InlineData("14580,14581,14582", true)] // days
    [InlineData("31536000,31536001,31536002", false)]
    public async Task Times_that_are_not_seconds_since_1970_are_noted(string times, bool isNoted)
    {
        string[] rows = [.. times.Split(',').Select((time, i) => $"1,{i},4,{time}\n")];

        PreparedData data = await PrepareAsync(string.Concat(rows), Movies);

        Assert.Equal(isNoted, data.Summary.Notes.Any(note => note.StartsWith("All timestamps are below", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_movies_file_is_read_before_the_ratings()
    {
        await Assert.RefusedAsync(() => PrepareAsync("1,2,3,oops\n", "movieId,title,genres\n,Heat,Crime\n"), "movies.csv, line 2: the movieId is missing: ,Heat,Crime");
    }

    [Fact]
    public async Task Titles_and_genres_are_cleaned_and_genre_spellings_unified()
    {
        const string Odd = "movieId,title,genres\n300, ,Drama\n100,\"Film\ntwo (1999)\",drama | Drama|Comedy\n200,Big (9999),COMEDY\n";

        PreparedData data = await PrepareAsync(Ratings, Odd);

        Assert.Equal([("300", null), ("Film two", 1999), ("Big (9999)", (int?)null)], data.Catalog.Items.Select(item => (item.Title, item.Year)));
        Assert.Equal(["Drama", "Drama|Comedy", "Comedy"], data.Catalog.Items.Select(item => string.Join('|', item.Categories)));
    }

    [Fact]
    public async Task Weights_of_events_are_kept_beside_the_histories_of_text_ids()
    {
        string events = Folder.File("events.csv");
        await File.WriteAllTextAsync(events, "user,sku,event,ts\nzoe,c-1,view,30\nadam,c-1,buy,10\nadam,c-2,view,5\nadam,c-3,view,20\nadam,c-4,hate,21\n", TestContext.Current.CancellationToken);
        StepContext context = StepContexts.In(Folder.Path, "events");

        await PrepareStep.RunAsync(new PrepareOptions { Data = events, Reading = new ReadOptions { EventWeights = "view=0.5,buy=2,hate=-1" } }, context);

        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, TestContext.Current.CancellationToken);
        Assert.Equal(["c-1", "c-2", "c-3"], data.Catalog.Items.Select(item => item.Id.Text));
        Assert.Equal(["adam", "zoe"], Enumerable.Range(0, 2).Select(user => data.Histories.Users[user].Text));
        Assert.Equal([1, 0, 2], data.Histories.At(0).ToArray());
        Assert.Equal([0.5f, 2, 0.5f], data.Histories.WeightsAt(0).ToArray());
        Assert.Equal((1L, 3), (data.Summary.Excluded, data.Summary.EventTypes.Count));
        Assert.Equal((5L, 30L, 1, 3), (data.Summary.From, data.Summary.Until, data.Summary.ShortUsers, data.Summary.Undescribed));
    }

    [Fact]
    public async Task A_split_by_time_needs_times()
    {
        string pairs = Folder.File("pairs.txt");
        await File.WriteAllTextAsync(pairs, "1 10\n1 11\n1 12\n", TestContext.Current.CancellationToken);

        var error = await Assert.ThrowsAsync<UserErrorException>(
            () => PrepareStep.RunAsync(new PrepareOptions { Data = pairs, Split = SplitKind.Time }, StepContexts.In(Folder.Path, "pairs")));

        Assert.StartsWith("--split time needs times", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unprepared_data_names_the_command_to_run()
    {
        await Assert.RefusedAsync(() => PreparedData.LoadAsync(Path.Combine(Folder.Path, "none"), TestContext.Current.CancellationToken), "Run 'prepare' first");
    }

    [Fact]
    public async Task The_sample_that_ships_is_found_from_the_working_directory_upward()
    {
        DatasetSummary summary = await PrepareStep.RunAsync(new PrepareOptions(), StepContexts.In(Folder.Path, "movielens-small"));

        Assert.Equal((671, 9066, 100_004L), (summary.Users, summary.Items, summary.Interactions));
    }

    private async Task<PreparedData> PrepareAsync(string ratings, string? movies, PrepareOptions? options = null)
    {
        string raw = Directory.CreateDirectory(Path.Combine(Folder.Path, "raw")).FullName;
        await File.WriteAllTextAsync(Path.Combine(raw, "ratings.csv"), ratings);
        if (movies is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(raw, "movies.csv"), movies);
        }

        StepContext context = StepContexts.In(Folder.Path, "raw");
        await PrepareStep.RunAsync((options ?? new PrepareOptions()) with { Data = raw }, context);
        return await PreparedData.LoadAsync(context.Workspace.DataFolder);
    }

    /// <summary>Writes an archive of uncompressed texts.</summary>
    private string Zip(string name, params (string Name, string Text)[] entries)
    {
        using ZipArchive archive = ZipFile.Open(Folder.File(name), ZipArchiveMode.Create);
        foreach ((string entry, string text) in entries)
        {
            using var writer = new StreamWriter(archive.CreateEntry(entry, CompressionLevel.NoCompression).Open());
            writer.Write(text);
        }

        return Folder.File(name);
    }
}
