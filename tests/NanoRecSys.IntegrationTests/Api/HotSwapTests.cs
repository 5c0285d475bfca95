using System.Collections.Concurrent;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class HotSwapTests
{
    [Fact]
    public async Task Models_change_under_load_without_a_failed_request()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(31));
        var answeredBy = new ConcurrentDictionary<string, int>();
        using var stop = new CancellationTokenSource();
        Task[] clients = [.. Enumerable.Range(0, 8).Select(client => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                // PostAsync fails the test on anything but a 200.
                JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{(client % 2 == 0 ? 7 : 11)}}, "k": 10}""");
                Assert.Equal(10, answer.MovieIds().Length);
                answeredBy.AddOrUpdate(answer.Text("version"), 1, (_, count) => count + 1);
            }
        }))];

        List<string> versions = [api.Store.ReadCurrent()!];
        foreach (int seed in new[] { 32, 33, 34 })
        {
            string version = new RandomModel(seed).Publish(api.Store).Manifest.ModelVersion;
            await ApiServer.UntilAsync($"{version} answers", () => Task.FromResult(answeredBy.ContainsKey(version) || clients.Any(client => client.IsFaulted)));
            versions.Add(version);
        }

        await stop.CancelAsync();
        await Task.WhenAll(clients);
        Assert.Equal(versions.Order(), answeredBy.Keys.Order());
    }

    [Fact]
    public async Task A_version_with_one_changed_byte_is_refused_while_the_running_one_serves()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(35));
        string running = api.Store.ReadCurrent()!;
        string damaged = PublishDamaged(api.Store, new RandomModel(36), out string damagedFile, out byte[] original);

        await ApiServer.UntilAsync("the refusal is reported", async () => (await api.StatusAsync()).GetProperty("warnings").Texts()
            .Any(text => text.Contains(damaged, StringComparison.Ordinal) && text.Contains("SHA-256", StringComparison.Ordinal)));
        JsonElement status = await api.StatusAsync();
        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 11}""");

        Assert.True(status.Flag("ready"));
        Assert.Equal("degraded", status.Text("mode"));
        Assert.Equal(running, status.Text("version"));
        Assert.Equal(running, answer.Text("version"));
        Assert.Equal("degraded", answer.Text("mode"));

        // Repaired and made current again under the same name, it is served.
        File.WriteAllBytes(damagedFile, original);
        api.Store.SetCurrent(damaged);
        await api.ServeAsync(damaged);
        Assert.DoesNotContain((await api.StatusAsync()).GetProperty("warnings").Texts(), text => text.Contains("refused", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_damaged_first_version_leaves_the_service_not_ready_with_the_reason()
    {
        await using ApiServer api = ApiServer.Start();

        string damaged = PublishDamaged(api.Store, new RandomModel(37), out _, out _);

        await ApiServer.UntilAsync("the refusal is reported", async () => (await api.StatusAsync()).GetProperty("errors").Texts()
            .Any(text => text.Contains(damaged, StringComparison.Ordinal) && text.Contains("SHA-256", StringComparison.Ordinal)));
        Assert.False((await api.StatusAsync()).Flag("ready"));
    }

    // Created in a separate store, so that the API never sees it intact.
    private static string PublishDamaged(ArtifactStore store, RandomModel model, out string damagedFile, out byte[] original)
    {
        using var scratch = new TemporaryFolder();
        ArtifactVersion version = model.Publish(new ArtifactStore(scratch.Path));
        string folder = Path.Combine(store.VersionsFolder, version.Manifest.ModelVersion);
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(version.Folder))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        damagedFile = Path.Combine(folder, ArtifactNames.Index);
        original = File.ReadAllBytes(damagedFile);
        byte[] changed = [.. original];
        changed[^5] ^= 1;
        File.WriteAllBytes(damagedFile, changed);
        store.SetCurrent(version.Manifest.ModelVersion);
        return version.Manifest.ModelVersion;
    }
}
