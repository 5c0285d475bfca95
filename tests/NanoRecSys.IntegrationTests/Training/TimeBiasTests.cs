using NanoRecSys.Training.Models;
using NanoRecSys.Training.Retrieval;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.IntegrationTests.Training;

/// <summary>A network with time biases, from training to the API: the answers are those of the trained weights.</summary>
public sealed class TimeBiasTests(TrainedArtifacts trained) : IDisposable
{
    private const int UserId = 1;
    private const int Count = 10;
    private const float Tolerance = 2e-4f; // of a cosine
    private const long Day = 24 * 60 * 60;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_API_answers_like_the_trained_network_at_the_time_of_the_request()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        await PublishAsync(context);
        using RetrieverNetwork tower = ModelFolder.ReadRetriever(context.Workspace.RetrieverFolder, data: null);
        using var encoder = new UserEncoder(tower);
        ArtifactVersion version = context.Workspace.Store.Open(context.Workspace.Store.ReadCurrent()!);
        Catalog catalog = await CatalogFile.ReadAsync(version.PathOf(ArtifactNames.Catalog), TestContext.Current.CancellationToken);
        UserHistories histories = HistoriesFile.Read(version.Folder);
        int position = histories.PositionOf(UserId);
        int[] items = [.. histories.At(position)];
        long[] times = [.. histories.TimesAt(position)];
        int next = Enumerable.Range(0, catalog.Items.Count).First(row => !items.Contains(row));
        long later = histories.LastTime + (30 * Day);
        int[] last = items[^3..];
        long[] just = [later - 60, later - 30, later];
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(context.Workspace.Store, cache.ConnectionString, ("Models:UserTower", "fp32"));
        string ask = $$"""{"user_id": {{UserId}}, "k": {{Count}}}""";

        JsonElement published = await api.PostAsync("/recommend", ask);
        await api.PostAsync("/events", $$"""{"user_id": {{UserId}}, "movie_id": {{catalog.Items[next].Id}}, "timestamp": {{later}}}""");
        JsonElement afterEvent = await api.PostAsync("/recommend", ask);
        JsonElement session = await api.PostAsync("/recommend/session", Session(catalog, last, just));

        Assert.Equal(["tokens", "times", "now"], version.Manifest.UserTower.Inputs.Select(input => input.Name));
        AssertServed(new TimedHistory(items, times, histories.LastTime), published);
        AssertServed(new TimedHistory((int[])[.. items, next], (long[])[.. times, later], later), afterEvent);
        AssertServed(new TimedHistory(last, just, later), session);

        void AssertServed(TimedHistory history, JsonElement answer)
        {
            Dictionary<int, float> expected = Scores(encoder, history);
            Dictionary<int, float> atOnce = Scores(encoder, history with { Times = default }); // as if all had happened at once
            (int Row, float Score)[] served = [.. answer.MovieIds().Select(RowOf).Zip(answer.Scores())];
            Assert.Equal(Count, served.Length);
            Assert.All(served, item => Assert.Equal(expected[item.Row], item.Score, Tolerance));
            Assert.Contains(served, item => Math.Abs(atOnce[item.Row] - item.Score) > 10 * Tolerance);
        }

        int RowOf(int movie) => catalog.Items.First(item => item.Id == movie).Index;
    }

    private static async Task PublishAsync(StepContext context)
    {
        using IDisposable alone = await SeededTorch.EnterAsync();
        await TrainRetrieverStep.RunAsync(TrainedArtifacts.Retriever with { Block = BlockKinds.Gated, Positions = Positions.Relative, TimeBias = true }, context);
        DrawTimeBiases(context.Workspace.RetrieverFolder);
        await ExportStep.RunAsync(new ExportOptions(), context);
        await IndexStep.RunAsync(new IndexOptions(), context);
        await PublishStep.RunAsync(new PublishOptions { Ranker = RankerUse.Never }, context);
    }

    // After one epoch these tables have learned little, and answers would hardly depend on the times.
    private static void DrawTimeBiases(string folder)
    {
        using RetrieverNetwork tower = ModelFolder.ReadRetriever(folder, data: null);
        using var generator = new Generator(7, CPU);
        using (no_grad())
        {
            foreach ((_, Parameter table) in tower.named_parameters().Where(parameter => parameter.name.EndsWith("bias.time", StringComparison.Ordinal)))
            {
                using Tensor drawn = randn(table.shape, generator: generator); // [H, T]
                table.copy_(drawn);
            }
        }

        ModelFolder.WriteRetriever(folder, tower, Provenance.Imported);
    }

    private static Dictionary<int, float> Scores(UserEncoder encoder, TimedHistory history)
    {
        using Tensor user = encoder.Encode([history]); // [1, D]
        using Tensor scores = encoder.Score(user); // [1, V]
        return scores.data<float>().Select((score, row) => KeyValuePair.Create(row, score)).ToDictionary();
    }

    private static string Session(Catalog catalog, int[] rows, long[] times)
    {
        string movies = string.Join(", ", rows.Select(row => catalog.Items[row].Id));
        return $$"""{"movie_ids": [{{movies}}], "times": [{{string.Join(", ", times)}}], "k": {{Count}}}""";
    }
}
