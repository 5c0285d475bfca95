using NanoRecSys.Core.Progress;
using NanoRecSys.Training;
using NanoRecSys.Training.Commands;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.IntegrationTests.Training;

/// <summary>The <c>watch</c> command with an API and Redis: events in, a new version out.</summary>
public sealed class WatchTests : IDisposable
{
    private const int Items = 24;
    private const int Walk = 8;

    // Reads one item: it can learn only which item follows which, so that false successors must hurt.
    private static readonly Preset Tiny = new(
        "tiny",
        new TrainRetrieverOptions
        {
            Dimension = 16,
            Blocks = 1,
            Heads = 2,
            FeedForward = 16,
            MaxLength = 1,
            Dropout = 0.1,
            Temperature = 0.1,
            LearningRate = 0.01,
            WarmupSteps = 5,
            BatchUsers = 4,
            Epochs = 20,
            Patience = 2,
            ReducedPrecision = false,
        },
        new MineNegativesOptions(), new TrainRankerOptions())
    { Refit = true };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact(Timeout = 300_000)]
    public async Task Events_are_trained_on_and_served_and_a_poisoned_batch_is_refused_and_listed()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Redis);
        var store = new ArtifactStore(_folder.File("artifacts"));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        StepContext context = new(new Workspace(store, "circle"), Seed: 1, new Progress<ProgressEvent>(), stop.Token) { Threads = 1 };
        using var output = new StringWriter();
        var console = new RunConsole(output, output, json: false);
        var options = new RunOptions("watch", _ => Tiny, new PrepareOptions { Data = WriteWalks(), Events = $"redis://{cache.ConnectionString}" }) { WarmStart = true };
        await TrainAsync();
        string first = store.ReadCurrent()!;
        await using ApiServer api = await ApiServer.StartAsync(store, cache.ConnectionString);

        var watch = new TrainingWatch(
            new WatchOptions { Schedule = "0 3 * * *", AfterEvents = 150, Events = options.Prepare.Events, Poll = TimeSpan.FromMilliseconds(50) }, context, console, TimeProvider.System);
        Task watching = watch.RunAsync(TrainAsync, isInterrupted: false);
        await ApiServer.UntilAsync("the next training is shown", async () => await WatchAsync(api) is { } shown && shown.TryGetProperty("next", out _));
        JsonElement waiting = (await WatchAsync(api))!.Value;

        // Twenty new users walk the same way.
        await SendAsync(api, Enumerable.Range(1000, 20).SelectMany(user => Enumerable.Range(0, Walk).Select(t => (user, 1 + (user + t) % Items, 2000 + t))));
        await UntilAsync(api, watching, status => status.GetProperty("trained_events").GetInt64() == 20 * Walk);
        string second = store.ReadCurrent()!;
        await api.ServeAsync(second);

        // Others jump halfway around the circle in one step.
        await SendAsync(api, Enumerable.Range(5000, 480).SelectMany(user => new[] { (user, 1 + user % Items, 3000), (user, 1 + (user + Items / 2) % Items, 3001) }));
        await UntilAsync(api, watching, status => status.GetProperty("trained_events").GetInt64() == 20 * Walk + 960);
        JsonElement models = await api.GetAsync("/models");
        JsonElement ended = (await WatchAsync(api))!.Value;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching);

        Assert.True(waiting.GetProperty("next").GetDateTimeOffset() > DateTimeOffset.UtcNow);
        Assert.Equal((150, true), (waiting.GetProperty("after_events").GetInt32(), waiting.Flag("running")));
        Assert.NotEqual(first, second);
        Assert.Equal((second, second), (store.ReadCurrent(), models.Text("served")));
        JsonElement refused = models.GetProperty("versions")[0];
        Assert.Equal(3, models.GetProperty("versions").GetArrayLength());
        Assert.True(refused.GetProperty("gate").Flag("refused"));
        Assert.Equal(second, refused.GetProperty("gate").Text("version"));
        Assert.True(refused.GetProperty("gate").GetProperty("high").GetDouble() < 0);
        Assert.Contains($"Version {refused.Text("version")} is stored but not served, because it is significantly worse.", ended.Text("last_outcome"), StringComparison.Ordinal);
        Assert.Contains("Training begins with the served weights: 24 of 24 items are known.", output.ToString(), StringComparison.Ordinal);
        Assert.False(WatchFile.Read(store.Root)!.Running);

        Task TrainAsync() => CommandFactory.TrainAsync(context, console, RunCommand.StagesOf(options), run => RunCommand.RunAsync(run, options));
    }

    private static async Task<JsonElement?> WatchAsync(ApiServer api) =>
        (await api.GetAsync("/training/runs")).TryGetProperty("watch", out JsonElement watch) ? watch : null;

    // Without the 30 s limit of ApiServer.UntilAsync: a training run takes longer on a busy machine.
    private static async Task UntilAsync(ApiServer api, Task watching, Func<JsonElement, bool> condition)
    {
        while (!condition((await WatchAsync(api))!.Value))
        {
            Assert.False(watching.IsCompleted, $"{watching.Exception}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    private static async Task SendAsync(ApiServer api, IEnumerable<(int User, int Item, int Time)> events)
    {
        string[] rows = [.. events.Select(row => $$"""{"user_id": {{row.User}}, "item_id": {{row.Item}}, "timestamp": {{row.Time}}}""")];
        JsonElement receipt = await api.PostAsync("/events", $$"""{"events": [{{string.Join(',', rows)}}]}"""); // stored in one request, so that one training run reads all
        Assert.Equal(rows.Length, receipt.GetProperty("stored").GetInt32());
    }

    // Thirty users walk around a circle of items from different starts.
    private string WriteWalks()
    {
        string folder = Directory.CreateDirectory(_folder.File("circle")).FullName;
        IEnumerable<string> rows = Enumerable.Range(0, 30).SelectMany(user => Enumerable.Range(0, Walk).Select(t => $"{user},{1 + (user + t) % Items},4,{100 + t}"));
        File.WriteAllLines(Path.Combine(folder, "ratings.csv"), ["userId,movieId,rating,timestamp", .. rows]);
        return folder;
    }
}
