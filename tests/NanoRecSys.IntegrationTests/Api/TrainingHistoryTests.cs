using NanoRecSys.Core.Progress;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class TrainingHistoryTests(TrainedArtifacts trained)
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_run_is_listed_with_its_best_epoch_and_published_version()
    {
        await using ApiServer api = ApiServer.Start();
        Append(api, "20260102-120000-000", "train-retriever", 0, epoch: 1, loss: 9, ndcg: 0.02);
        Append(api, "20260102-120000-000", "train-retriever", 10, epoch: 2, loss: 8, ndcg: 0.05);
        Append(api, "20260102-120000-000", "train-retriever", 20, epoch: 3, loss: 7, ndcg: 0.04);
        Append(api, "20260102-120000-000", "train-ranker", 30, epoch: 1, loss: 0.3, ndcg: 0.9); // measured on candidates: not comparable
        Append(api, "20260102-120000-000", "publish", 40, version: "0123456789ab", state: ProgressEvent.Completed);
        Append(api, "20260103-120000-000", "prepare", 50);

        JsonElement runs = (await api.GetAsync("/training/runs")).GetProperty("runs");

        Assert.Equal(["20260103-120000-000", "20260102-120000-000"], runs.EnumerateArray().Select(run => run.Text("run")));
        Assert.False(runs[0].TryGetProperty("best", out _));
        Assert.Equal(("completed", "0123456789ab", 2), (runs[1].Text("state"), runs[1].Text("version"), runs[1].GetProperty("best_epoch").GetInt32()));
        Assert.Equal([0.02, 0.05, 0.04], runs[1].GetProperty("epochs").EnumerateArray().Select(epoch => epoch.GetProperty("ndcg").GetDouble()));
    }

    [Fact]
    public async Task Several_networks_have_one_curve_and_the_figures_of_all_together()
    {
        await using ApiServer api = ApiServer.Start();
        const string Run = "20260102-120000-000";
        Append(api, Run, "train-retriever", 0, epoch: 2, loss: 7, ndcg: 0.06); // resumed after its first epoch
        Append(api, Run, "train-retriever", 1, epoch: 1, loss: 9, ndcg: 0.02);
        Append(api, Run, "train-retriever", 2, epoch: 2, loss: 8, ndcg: 0.04);
        Append(api, Run, "train-retriever", 3, ndcg: 0.07);

        JsonElement run = (await api.GetAsync("/training/runs")).GetProperty("runs")[0];

        Assert.Equal([(1, 9, 0.02), (2, 7.5, 0.05)], run.GetProperty("epochs").EnumerateArray().Select(epoch =>
            (epoch.GetProperty("epoch").GetInt32(), epoch.GetProperty("loss").GetDouble(), epoch.GetProperty("ndcg").GetDouble())));
        Assert.Equal(0.07, run.GetProperty("best").GetProperty("ndcg@10").GetDouble());
        Assert.False(run.TryGetProperty("best_epoch", out _));
    }

    [Fact]
    public async Task Successive_commands_are_one_run_until_a_command_repeats()
    {
        await using ApiServer api = ApiServer.Start();
        Append(api, "20260102-120000-000", "prepare", 0, dataset: "small", state: ProgressEvent.Completed);
        Append(api, "20260102-120001-000", "train-retriever", 10, epoch: 1, loss: 9, ndcg: 0.02, dataset: "small");
        Append(api, "20260102-120001-000", "train-retriever", 20, dataset: "small", state: ProgressEvent.Completed);
        Append(api, "20260102-120002-000", "publish", 30, version: "0123456789ab", dataset: "small", state: ProgressEvent.Completed);
        Append(api, "20260102-120003-000", "evaluate", 40, dataset: "small", state: ProgressEvent.Completed);
        Append(api, "20260102-120004-000", "train-retriever", 50, epoch: 1, loss: 8, ndcg: 0.03, dataset: "small");
        Append(api, "20260102-120004-000", "train-retriever", 55, dataset: "small", state: ProgressEvent.Failed);
        Append(api, "20260102-120005-000", "prepare", 60, dataset: "other", state: ProgressEvent.Completed);

        JsonElement runs = (await api.GetAsync("/training/runs")).GetProperty("runs");

        Assert.Equal(["20260102-120005-000", "20260102-120004-000", "20260102-120000-000"], runs.EnumerateArray().Select(run => run.Text("run")));
        Assert.Equal(["prepare", "train-retriever", "publish"], runs[2].GetProperty("commands").Texts());
        Assert.Equal(("0123456789ab", 10.0), (runs[2].Text("version"), runs[2].GetProperty("seconds").GetDouble()));
        Assert.Equal(0.02, runs[2].GetProperty("epochs")[0].GetProperty("ndcg").GetDouble());
    }

    [Fact]
    public async Task A_continuing_run_is_read_again()
    {
        await using ApiServer api = ApiServer.Start();
        Append(api, "20260102-120000-000", "prepare", 0);
        Assert.Equal("prepare", (await api.GetAsync("/training/runs")).GetProperty("runs")[0].Text("stage"));

        Append(api, "20260102-120000-000", "train-retriever", 5);

        Assert.Equal("train-retriever", (await api.GetAsync("/training/runs")).GetProperty("runs")[0].Text("stage"));
    }

    [Fact]
    public async Task An_export_has_the_version_that_a_later_run_published_or_none()
    {
        await using ApiServer api = ApiServer.Start();
        Append(api, "20260102-120000-000", "export", 0, dataset: "ml-1m");
        Assert.Empty((await api.GetAsync("/training/runs")).GetProperty("exports").EnumerateArray()); // it has not finished
        Append(api, "20260102-120000-000", "export", 10, dataset: "ml-1m", state: ProgressEvent.Completed);
        Append(api, "20260103-120000-000", "export", 20, dataset: "small");
        Append(api, "20260103-120000-000", "publish", 30, dataset: "small", version: "0123456789ab", state: ProgressEvent.Completed);
        Append(api, "20260104-120000-000", "export", 40, dataset: "small", state: ProgressEvent.Failed);

        JsonElement before = (await api.GetAsync("/training/runs")).GetProperty("exports");
        Append(api, "20260105-120000-000", "publish", 50, dataset: "ml-1m", version: "abcdefabcdef", state: ProgressEvent.Completed);
        JsonElement after = (await api.GetAsync("/training/runs")).GetProperty("exports");

        Assert.Equal(["ml-1m", "small"], before.EnumerateArray().Select(export => export.Text("dataset")));
        Assert.Equal(Noon.AddSeconds(10), before[0].GetProperty("time").GetDateTimeOffset());
        Assert.False(before[0].TryGetProperty("version", out _));
        Assert.Equal("0123456789ab", before[1].Text("version"));
        Assert.Equal("abcdefabcdef", after[0].Text("version"));
    }

    [Fact]
    public async Task A_version_s_plots_can_be_fetched_and_nothing_else_of_it()
    {
        await using ApiServer api = await ApiServer.StartAsync(await trained.StoreAsync());
        JsonElement version = (await api.GetAsync("/models")).GetProperty("versions")[0];
        string name = version.GetProperty("plots")[0].GetString()!;

        HttpResponseMessage plot = await api.FetchAsync($"/models/{version.Text("version")}/plots/{name}");

        Assert.Equal("image/png", plot.Content.Headers.ContentType!.MediaType);
        byte[] bytes = await plot.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Equal("\u0089PNG"u8.ToArray()[^3..], bytes[1..4]);
        foreach (string other in new[] { "..%2Fmanifest.json", "manifest.json", "nothing.png", "..%2F..%2F..%2Fcurrent" })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await api.FetchAsync($"/models/{version.Text("version")}/plots/{other}")).StatusCode);
        }
    }

    [Theory]
    [InlineData("a link")]
    [InlineData("another picture")]
    [InlineData("a larger file")]
    public async Task Another_file_in_place_of_a_plot_is_not_served(string what)
    {
        using var folder = new TemporaryFolder();
        var copy = await trained.CopyAsync(folder.Path);
        await using ApiServer api = await ApiServer.StartAsync(copy.Workspace.Store);
        JsonElement version = (await api.GetAsync("/models")).GetProperty("versions")[0];
        string name = version.GetProperty("plots")[0].GetString()!;
        string plot = Path.Combine(copy.Workspace.Store.FolderOf(version.Text("version")), "plots", name);
        switch (what)
        {
            case "a link":
                string same = Path.Combine(folder.Path, "same.png");
                File.Move(plot, same);
                File.CreateSymbolicLink(plot, same);
                break;
            case "another picture":
                byte[] bytes = await File.ReadAllBytesAsync(plot, TestContext.Current.CancellationToken);
                bytes[^20] ^= 1;
                await File.WriteAllBytesAsync(plot, bytes, TestContext.Current.CancellationToken);
                break;
            default:
                using (FileStream file = File.OpenWrite(plot))
                {
                    file.SetLength(1L << 33);
                }

                break;
        }

        Assert.Equal(HttpStatusCode.NotFound, (await api.FetchAsync($"/models/{version.Text("version")}/plots/{name}")).StatusCode);
    }

    private static void Append(
        ApiServer api, string run, string stage, int seconds, int? epoch = null, double? loss = null, double? ndcg = null, string? version = null,
        string state = ProgressEvent.Running, string? dataset = null) =>
        ProgressLog.Append(Path.Combine(api.Store.RunsFolder, run), new ProgressEvent
        {
            Time = Noon.AddSeconds(seconds),
            Run = run,
            State = state,
            Stage = stage,
            Dataset = dataset,
            Epoch = epoch,
            Loss = loss,
            Metrics = ndcg is null ? null : new Dictionary<string, double> { ["ndcg@10"] = ndcg.Value },
            Version = version,
        });
}
