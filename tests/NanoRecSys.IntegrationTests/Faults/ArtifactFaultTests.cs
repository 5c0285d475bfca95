using System.Text.Json.Nodes;

namespace NanoRecSys.IntegrationTests.Faults;

/// <summary>A damaged version is published while another one is served.</summary>
public sealed class ArtifactFaultTests
{
    [Theory]
    [InlineData("a changed byte", "SHA-256")]
    [InlineData("a truncated file", "bytes")]
    [InlineData("a missing file", "is missing")]
    [InlineData("no manifest", "manifest.json")]
    [InlineData("a manifest cut short", "manifest")]
    [InlineData("a newer schema", "schema 3")]
    [InlineData("an invalid name", "current does not contain a version's name (12 hex digits)")]
    public async Task It_is_refused_with_the_reason_and_the_running_one_answers_every_request(string fault, string reason)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(401));
        string running = api.Store.ReadCurrent()!;
        using var stop = new CancellationTokenSource();
        Task load = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                // PostAsync fails the test on anything but a 200.
                Assert.Equal(running, (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("version"));
            }
        });

        Publish(api.Store, fault);
        await ApiServer.UntilAsync("the refusal is reported", async () => load.IsCompleted
            || (await api.StatusAsync()).GetProperty("warnings").Texts().Any(text => text.Contains(reason, StringComparison.Ordinal)));
        await stop.CancelAsync();
        await load;
        JsonElement status = await api.StatusAsync();

        Assert.Equal((running, "degraded", true), (status.Text("version"), status.Text("mode"), status.Flag("ready")));
        Assert.Equal(0, status.GetProperty("stats").GetProperty("errors").GetInt64());
        string next = new RandomModel(403).Publish(api.Store).Manifest.ModelVersion;
        await api.ServeAsync(next);
        Assert.Equal("live", (await api.PostAsync("/recommend", """{"user_id": 11}""")).Text("mode"));
    }

    [Fact]
    public async Task User_embeddings_that_are_not_numbers_are_refused()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(406) { ServesFast = true });
        string running = api.Store.ReadCurrent()!;
        ArtifactVersion intact = api.Store.Open(running);
        string staging = api.Store.CreateStaging();
        foreach (ArtifactFile file in intact.Manifest.Files)
        {
            File.Copy(intact.PathOf(file.Name), Path.Combine(staging, file.Name));
        }

        using (HalfRows rows = HalfRows.Map(intact.PathOf(intact.Manifest.UserEmbeddings!)))
        {
            float[] row = [.. Enumerable.Repeat(float.NaN, rows.Columns)];
            HalfRows.Write(Path.Combine(staging, intact.Manifest.UserEmbeddings!), Enumerable.Repeat(row, rows.Count), rows.Count, rows.Columns);
        }

        api.Store.Publish(staging, intact.Manifest);

        await ApiServer.UntilAsync("the refusal is reported", async () => (await api.StatusAsync()).GetProperty("warnings").Texts()
            .Any(text => text.Contains("not finite", StringComparison.Ordinal)));
        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 11}""");
        Assert.Equal((running, 10), (answer.Text("version"), answer.MovieIds().Length));
    }

    [Theory]
    [InlineData("a metric")]
    [InlineData("a file")]
    [InlineData("a length")]
    public async Task A_manifest_without_a_value_is_refused_and_the_versions_are_still_listed(string missing)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(404));
        string running = api.Store.ReadCurrent()!;
        using var scratch = new TemporaryFolder();
        ArtifactVersion other = new RandomModel(405).Publish(new ArtifactStore(scratch.Path));
        Manifest manifest = other.Manifest;
        ManifestFile.Write(other.Folder, missing switch
        {
            "a metric" => manifest with { Metrics = [null!] },
            "a file" => manifest with { Files = [.. manifest.Files, null!] },
            _ => manifest with { Model = manifest.Model with { MaxLength = 0 } },
        });
        Directory.Move(other.Folder, api.Store.FolderOf(manifest.ModelVersion));

        using HttpResponseMessage activated = await api.SendAsync($"/models/{manifest.ModelVersion}/activate", "");
        JsonElement models = await api.GetAsync("/models");

        Assert.Equal(409, (int)activated.StatusCode);
        Assert.Equal((running, 2), (models.Text("served"), models.GetProperty("versions").GetArrayLength()));
    }

    // Created in a separate store, so that the service never sees it intact.
    private static void Publish(ArtifactStore store, string fault)
    {
        using var scratch = new TemporaryFolder();
        ArtifactVersion intact = new RandomModel(402).Publish(new ArtifactStore(scratch.Path));
        string version = intact.Manifest.ModelVersion;
        string manifest = intact.PathOf(ArtifactNames.Manifest);
        string index = intact.PathOf(ArtifactNames.Index);
        switch (fault)
        {
            case "a changed byte":
                byte[] bytes = File.ReadAllBytes(index);
                bytes[^5] ^= 1;
                File.WriteAllBytes(index, bytes);
                break;
            case "a truncated file":
                File.WriteAllBytes(index, File.ReadAllBytes(index)[..^100]);
                break;
            case "a missing file":
                File.Delete(index);
                break;
            case "no manifest":
                File.Delete(manifest);
                break;
            case "a manifest cut short":
                File.WriteAllText(manifest, File.ReadAllText(manifest)[..200]);
                break;
            case "a newer schema":
                JsonNode json = JsonNode.Parse(File.ReadAllText(manifest))!;
                json["schema_version"] = Manifest.CurrentSchema + 1;
                File.WriteAllText(manifest, json.ToJsonString());
                break;
            default:
                version = "../../etc";
                break;
        }

        if (fault != "an invalid name")
        {
            string folder = Path.Combine(store.VersionsFolder, version);
            Directory.CreateDirectory(folder);
            foreach (string file in Directory.EnumerateFiles(intact.Folder))
            {
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            }
        }

        store.SetCurrent(version);
    }
}
