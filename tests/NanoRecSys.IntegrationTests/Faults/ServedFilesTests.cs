namespace NanoRecSys.IntegrationTests.Faults;

/// <summary>The files of the served version are changed.</summary>
public sealed class ServedFilesTests
{
    [Theory]
    [InlineData("truncated")]
    [InlineData("overwritten by a longer one")]
    [InlineData("overwritten in place")]
    [InlineData("deleted")]
    public async Task Answers_do_not_depend_on_later_changes_of_the_published_files(string fault)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(431) { ServesFast = true }, redis: null, ("Models:UserTower", "int8"));
        string running = api.Store.ReadCurrent()!;
        (string Question, int[] Expected)[] questions = [
            await AskAsync(api, """{"user_id": 11, "k": 20}"""), // from the published embeddings
            await AskAsync(api, """{"user_id": 205, "k": 20, "explain": true}""")];
        using var stop = new CancellationTokenSource();
        int answers = 0;
        Task[] clients = [.. Enumerable.Range(0, 4).Select(client => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                (string question, int[] expected) = questions[client % questions.Length];
                JsonElement answer = await api.PostAsync("/recommend", question);
                Assert.Equal((running, "live"), (answer.Text("version"), answer.Text("mode")));
                Assert.Equal(expected, answer.MovieIds());
                Interlocked.Increment(ref answers);
            }
        }))];

        foreach (string path in Directory.EnumerateFiles(api.Store.FolderOf(running)))
        {
            Change(path, fault);
            int before = Volatile.Read(ref answers);
            await ApiServer.UntilAsync("20 more requests are answered", () => Task.FromResult(Volatile.Read(ref answers) >= before + 20 || clients.Any(client => client.IsFaulted)));
        }

        await stop.CancelAsync();
        await Task.WhenAll(clients);
        using HttpResponseMessage again = await api.SendAsync($"/models/{running}/activate", "");
        Assert.Equal(409, (int)again.StatusCode); // refused with the reason: loading the files now finds the damage
        Assert.StartsWith($"Version {running}: ", (await again.BodyAsync()).Text("detail"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ArtifactNames.Manifest)]
    [InlineData(ArtifactNames.Catalog)]
    public async Task A_pipe_in_place_of_a_file_is_refused_without_blocking(string name)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(434));
        string running = api.Store.ReadCurrent()!;
        File.Delete(Path.Combine(api.Store.FolderOf(running), name));
        NamedPipe.Create(Path.Combine(api.Store.FolderOf(running), name));

        using HttpResponseMessage again = await api.SendAsync($"/models/{running}/activate", "");
        JsonElement models = await api.GetAsync("/models");

        Assert.Equal(409, (int)again.StatusCode);
        Assert.Contains(name, (await again.BodyAsync()).Text("detail"), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(running, models.Text("served"));
    }

    [Fact]
    public async Task A_version_with_a_link_in_it_is_refused()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(432));
        string running = api.Store.ReadCurrent()!;
        using var elsewhere = new TemporaryFolder();
        ArtifactVersion linked = new RandomModel(433).Publish(new ArtifactStore(elsewhere.Path));
        string version = linked.Manifest.ModelVersion;
        Directory.CreateDirectory(api.Store.FolderOf(version));
        foreach (string path in Directory.EnumerateFiles(linked.Folder))
        {
            File.CreateSymbolicLink(Path.Combine(api.Store.FolderOf(version), Path.GetFileName(path)), path);
        }

        File.Delete(Path.Combine(api.Store.FolderOf(version), ArtifactNames.Manifest));
        File.Copy(linked.PathOf(ArtifactNames.Manifest), Path.Combine(api.Store.FolderOf(version), ArtifactNames.Manifest));
        api.Store.SetCurrent(version);

        await ApiServer.UntilAsync("the refusal is reported", async () => (await api.StatusAsync()).GetProperty("warnings").Texts()
            .Any(text => text.Contains("is a link or in a linked folder", StringComparison.Ordinal)));
        Assert.Equal(running, (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("version"));
    }

    private static async Task<(string Question, int[] Expected)> AskAsync(ApiServer api, string question) =>
        (question, (await api.PostAsync("/recommend", question)).MovieIds());

    private static void Change(string path, string fault)
    {
        switch (fault)
        {
            case "truncated":
                using (FileStream file = File.OpenWrite(path))
                {
                    file.SetLength(0);
                }

                break;
            case "overwritten by a longer one":
                File.WriteAllBytes(path, new byte[new FileInfo(path).Length + 5000]);
                break;
            case "overwritten in place":
                using (FileStream file = File.OpenWrite(path))
                {
                    file.Write(new byte[file.Length]);
                }

                break;
            default:
                File.Delete(path);
                break;
        }
    }
}
