namespace NanoRecSys.IntegrationTests.Api;

public sealed class ModelLifecycleTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Versions_are_listed_newest_first_with_what_is_served()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(301));
        string first = api.Store.ReadCurrent()!;
        string second = new RandomModel(302).Publish(api.Store).Manifest.ModelVersion;
        await api.ServeAsync(second);

        JsonElement models = await api.GetAsync("/models");

        Assert.Equal([second, first], models.GetProperty("versions").EnumerateArray().Select(version => version.Text("version")));
        Assert.Equal((second, second), (models.Text("current"), models.Text("served")));
        Assert.False(models.TryGetProperty("pinned", out _));
    }

    [Fact]
    public async Task A_rollback_under_load_restores_the_previous_version_without_a_failed_request()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(303));
        string first = api.Store.ReadCurrent()!;
        string second = new RandomModel(304).Publish(api.Store).Manifest.ModelVersion;
        await api.ServeAsync(second);
        using var stop = new CancellationTokenSource();
        Task[] clients = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                // PostAsync fails the test on anything but a 200.
                Assert.Equal(10, (await api.PostAsync("/recommend", """{"user_id": 11}""")).MovieIds().Length);
            }
        }))];

        JsonElement change = await api.PostAsync("/models/rollback", "");
        await api.ServeAsync(first);
        await stop.CancelAsync();
        await Task.WhenAll(clients);
        using HttpResponseMessage again = await api.SendAsync("/models/rollback", "");

        Assert.Equal((first, second), (change.Text("version"), change.Text("previous")));
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        await api.PostAsync($"/models/{second}/activate", "");
        await api.ServeAsync(second);
    }

    [Fact]
    public async Task Rollback_orders_versions_by_creation_and_not_by_file_times()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(316) { Created = new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero) });
        string first = api.Store.ReadCurrent()!;
        string second = new RandomModel(317) { Created = new DateTimeOffset(2026, 3, 2, 0, 0, 0, TimeSpan.Zero) }.Publish(api.Store).Manifest.ModelVersion;
        await api.ServeAsync(second);
        File.SetLastWriteTimeUtc(Path.Combine(api.Store.FolderOf(first), ArtifactNames.Manifest), DateTime.UtcNow.AddDays(1)); // as a restore may leave it

        JsonElement models = await api.GetAsync("/models");
        JsonElement change = await api.PostAsync("/models/rollback", "");

        Assert.Equal([second, first], models.GetProperty("versions").EnumerateArray().Select(version => version.Text("version")));
        Assert.Equal((first, second), (change.Text("version"), change.Text("previous")));
    }

    [Fact]
    public async Task A_pinned_version_stays_whatever_is_published_until_it_is_unpinned()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(305));
        string pinned = api.Store.ReadCurrent()!;
        await api.PostAsync($"/models/{pinned}/pin", "");

        string published = new RandomModel(306).Publish(api.Store).Manifest.ModelVersion;
        await using ApiServer other = await ApiServer.StartAsync(api.Store); // also after a restart
        await Task.Delay(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken);

        foreach (ApiServer replica in new[] { api, other })
        {
            Assert.Equal(pinned, (await replica.PostAsync("/recommend", """{"user_id": 11}""")).Text("version"));
            Assert.Equal(pinned, (await replica.GetAsync("/models")).Text("pinned"));
        }

        using HttpResponseMessage unpinned = await api.Client.DeleteAsync(new Uri("/models/pin", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, unpinned.StatusCode);
        await api.ServeAsync(published);
        await other.ServeAsync(published);
    }

    [Fact]
    public async Task A_relative_artifacts_folder_is_relative_to_the_working_directory_only()
    {
        string name = Path.GetRandomFileName();
        var store = new ArtifactStore(Path.Combine(AppContext.BaseDirectory, name)); // the working directory, inside the repository
        try
        {
            new RandomModel(315).Publish(store);
            using ProgramProcess api = ProgramProcess.StartApi(name);
            using var http = new HttpClient { BaseAddress = await api.Address };

            await ApiServer.UntilReadyAsync(http);
        }
        finally
        {
            Directory.Delete(store.Root, recursive: true);
        }
    }

    [Theory]
    [InlineData("/models/000000000000/activate")]
    [InlineData("/models/000000000000/pin")]
    [InlineData("/models/..%2F..%2Fetc/pin")]
    public async Task An_invalid_version_is_not_served(string path)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(307));

        using HttpResponseMessage response = await api.SendAsync(path, "");

        Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
        Assert.NotEmpty((await response.BodyAsync()).Text("request_id"));
        Assert.Null(api.Store.ReadPinned());
    }

    [Theory]
    [InlineData("300 MB")]
    [InlineData("a link")]
    [InlineData("a folder")]
    [InlineData("a pipe")]
    [InlineData("nothing")]
    [InlineData("another text")]
    public async Task Foreign_content_of_current_is_neither_shown_nor_served_and_the_status_says_so(string what)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(318));
        string running = api.Store.ReadCurrent()!;
        string secret = Path.Combine(api.Store.Root, "secret.txt");
        File.WriteAllText(secret, "s3cret\n");
        File.Delete(api.Store.CurrentFile);
        switch (what)
        {
            case "300 MB":
                using (FileStream file = File.Create(api.Store.CurrentFile))
                {
                    file.SetLength(300 << 20);
                }

                break;
            case "a link":
                File.CreateSymbolicLink(api.Store.CurrentFile, secret);
                break;
            case "a folder":
                Directory.CreateDirectory(api.Store.CurrentFile);
                break;
            case "a pipe":
                NamedPipe.Create(api.Store.CurrentFile);
                break;
            case "nothing":
                File.WriteAllText(api.Store.CurrentFile, "");
                break;
            default:
                File.Copy(secret, api.Store.CurrentFile);
                break;
        }

        await ApiServer.UntilAsync("the status reports it", async () => (await api.StatusAsync()).GetProperty("warnings").Texts()
            .Any(text => text.StartsWith("The artifacts folder does not say which version to serve: ", StringComparison.Ordinal) && text.Contains("12 hex digits", StringComparison.Ordinal)));
        JsonElement models = await api.GetAsync("/models");
        using HttpResponseMessage activated = await api.SendAsync($"/models/{running}/activate", "");

        Assert.False(models.TryGetProperty("current", out _));
        Assert.DoesNotContain("s3cret", models.ToString() + await api.StatusAsync(), StringComparison.Ordinal);
        Assert.Equal(running, (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("version"));
        if (what == "a folder")
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, activated.StatusCode);
            Assert.StartsWith("Nothing was changed: the artifacts folder cannot be written to", (await activated.BodyAsync()).Text("detail"), StringComparison.Ordinal);
            return;
        }

        Assert.Equal(HttpStatusCode.OK, activated.StatusCode);
        await ApiServer.UntilAsync("current is repaired", async () => (await api.StatusAsync()).Text("mode") == "live");
        Assert.Equal("s3cret\n", File.ReadAllText(secret));
    }

    [Fact]
    public async Task Foreign_content_of_current_is_logged_once()
    {
        var store = new ArtifactStore(_folder.Path);
        Directory.CreateDirectory(store.CurrentFile);
        using ProgramProcess api = ProgramProcess.StartApi(store.Root, ("Artifacts__PollInterval", "00:00:00.010"));
        using var http = new HttpClient { BaseAddress = await api.Address };
        int reports = 0;
        await ApiServer.UntilAsync("the folder has been polled many times", async () =>
            (await http.GetStringAsync(new Uri("/debug/status", UriKind.Relative), TestContext.Current.CancellationToken)).Contains("does not say which version to serve", StringComparison.Ordinal)
            && ++reports == 30);

        Directory.Delete(store.CurrentFile);
        new RandomModel(320).Publish(store);
        await ApiServer.UntilReadyAsync(http);

        Assert.Single(api.Output.Split('\n'), line => line.Contains("does not say which version to serve", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_pin_that_names_no_version_is_removed_by_unpinning()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(319));
        File.WriteAllText(api.Store.PinnedFile, "the newest one\n");

        using HttpResponseMessage unpinned = await api.Client.DeleteAsync(new Uri("/models/pin", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, unpinned.StatusCode);
        Assert.False(File.Exists(api.Store.PinnedFile));
    }

    [Fact]
    public async Task A_damaged_version_is_refused_before_it_becomes_current()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(308));
        string first = api.Store.ReadCurrent()!;
        await api.ServeAsync(new RandomModel(309).Publish(api.Store).Manifest.ModelVersion);
        File.AppendAllText(Path.Combine(api.Store.VersionsFolder, first, ArtifactNames.Index), "x");

        using HttpResponseMessage response = await api.SendAsync("/models/rollback", "");

        Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
        Assert.NotEqual(first, api.Store.ReadCurrent());
    }

    [Fact]
    public async Task Two_versions_share_the_users_and_each_user_stays_with_one_on_every_replica()
    {
        var store = new ArtifactStore(_folder.Path);
        string a = new RandomModel(310).Publish(store).Manifest.ModelVersion;
        string b = new RandomModel(311).Publish(store).Manifest.ModelVersion;
        (string, string)[] split = [($"Models:Split:{a}", "3"), ($"Models:Split:{b}", "1")];
        await using ApiServer here = await ApiServer.StartAsync(store, null, split);
        await using ApiServer there = await ApiServer.StartAsync(store, null, split);
        static string Question(int user) => $$"""{"user_id": {{user}}, "k": 3}""";
        foreach (ApiServer api in new[] { here, there })
        {
            await ApiServer.UntilAsync("both versions answer", async () =>
                (await Task.WhenAll(Enumerable.Range(0, 40).Select(user => api.PostAsync("/recommend", Question(user))))).Select(answer => answer.Text("version")).Distinct().Count() == 2);
        }

        var versions = new List<string>();
        for (int user = 0; user < 400; user++)
        {
            string version = (await here.PostAsync("/recommend", Question(user))).Text("version");
            versions.Add(version);
            if (user % 10 == 0)
            {
                Assert.Equal(version, (await there.PostAsync("/recommend", Question(user))).Text("version"));
            }
        }

        Assert.InRange(versions.Count(version => version == a), 260, 340); // three quarters of 400, five standard deviations either way
        JsonElement[] telemetry = [.. (await here.GetAsync("/debug/telemetry")).GetProperty("versions").EnumerateArray()];
        Assert.Equal(new[] { a, b }.Order(StringComparer.Ordinal), telemetry.Select(version => version.Text("stage")));
        Assert.All(telemetry, version => Assert.True(version.GetProperty("count").GetInt64() > 0));
        Assert.Equal([3d, 1d], new[] { a, b }.Select(name => (here.GetAsync("/models").Result).GetProperty("versions").EnumerateArray()
            .Single(version => version.Text("version") == name).GetProperty("weight").GetDouble()));
    }

    [Theory]
    [InlineData("/recommend", """{"user_id": 11, "filters": {"genres_any": ["Western"]}}""", HttpStatusCode.OK)]
    [InlineData("/recommend", """{"user_id": 11, "filters": {"genres_any": ["Drama"]}}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("/recommend/session", """{"movie_ids": [2003, 2001]}""", HttpStatusCode.OK)]
    [InlineData("/recommend/session", """{"movie_ids": [1003, 1001]}""", HttpStatusCode.UnprocessableEntity)]
    public async Task A_request_is_checked_by_the_version_that_answers_it(string path, string body, HttpStatusCode expected)
    {
        var store = new ArtifactStore(_folder.Path);
        var westerns = new Catalog([.. RandomModel.Catalog.Items.Select(item => item with { Id = item.Id.Number() + 1000, Categories = ["Western"] })]);
        string splitVersion = new RandomModel(313) { Movies = westerns, Ranker = null }.Publish(store).Manifest.ModelVersion;
        new RandomModel(314).Publish(store); // current, but without a share
        await using ApiServer api = await ApiServer.StartAsync(store, null, ($"Models:Split:{splitVersion}", "1"));
        await ApiServer.UntilAsync("the version with the share answers", async () => (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("version") == splitVersion);

        using HttpResponseMessage response = await api.SendAsync(path, body);

        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task The_share_of_a_missing_version_is_served_by_the_current_one()
    {
        var store = new ArtifactStore(_folder.Path);
        string current = new RandomModel(312).Publish(store).Manifest.ModelVersion;
        await using ApiServer api = await ApiServer.StartAsync(store, null, ("Models:Split:000000000000", "1"));

        Assert.Equal(current, (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("version"));
        Assert.Contains(
            "Version 000000000000 of Models:Split is not loaded: the current one serves its share. The log has the reason.",
            (await api.StatusAsync()).GetProperty("warnings").Texts());
    }
}
