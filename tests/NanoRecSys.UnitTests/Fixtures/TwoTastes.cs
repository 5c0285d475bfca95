using NanoRecSys.Core.Features;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>
/// Forty users who watch only comedies or only dramas, seven of the genre's twenty films each, and a retriever with random
/// weights: taste depends on the genre alone.
/// </summary>
internal static class TwoTastes
{
    public const int Users = 40;
    public const int Items = 40;
    public const int Length = 7;

    public static readonly MineNegativesOptions Negatives = new() { Candidates = 20, Skip = 0, Hard = 4, Random = 4 };

    public static async Task<StepContext> PrepareAsync(TemporaryFolder folder, string name, double newItems = 0)
    {
        string source = Directory.CreateDirectory(folder.File($"{name}-source")).FullName;
        var random = new Random(3);
        var rows = new List<string> { "userId,movieId,rating,timestamp" };
        for (int user = 0; user < Users; user++)
        {
            int[] liked = [.. Enumerable.Range(0, Items / 2).Select(film => 2 * film + user % 2)];
            random.Shuffle(liked);
            rows.AddRange(liked.Take(Length).Select((film, t) => $"{user},{film + 1},4,{100 + t}"));
        }

        await File.WriteAllLinesAsync(Path.Combine(source, "ratings.csv"), rows, TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(
            Path.Combine(source, "movies.csv"),
            ["movieId,title,genres", .. Enumerable.Range(0, Items).Select(film => $"{film + 1},Film {film} (1990),{(film % 2 == 0 ? "Comedy" : "Drama")}")],
            TestContext.Current.CancellationToken);
        StepContext context = StepContexts.In(folder.File(name), "tastes") with { Threads = 1 };
        DatasetSummary data = await PrepareStep.RunAsync(new PrepareOptions { Data = source, NewItems = newItems }, context);
        (ModelInfo model, var weights) = RandomWeights.Tower(new ModelInfo("transformer", 16, 1, 2, 20, 12, data.Items, 500, 0.1, "full-softmax", 0.05));
        ModelFolder.Retriever.Write(context.Workspace.RetrieverFolder, model, weights.Values, data.Hash);
        return context;
    }

    /// <summary>Mines negatives and trains a ranker that learns the genres.</summary>
    public static async Task TrainRankerAsync(StepContext context)
    {
        await MineNegativesStep.RunAsync(Negatives, context);
        await TrainRankerStep.RunAsync(
            new TrainRankerOptions { Hidden = [16, 8], Signals = RankerSignals.All, Dropout = 0, ItemDropout = 0.5, LearningRate = 0.01, BatchPairs = 64, Epochs = 10, Patience = 10, Candidates = 20 }, context);
    }

    /// <summary>Replaces the retriever by another one of the same sizes.</summary>
    public static void ReplaceRetriever(StepContext context)
    {
        (ModelInfo model, var weights) = RandomWeights.Tower(ModelFolder.Retriever.ReadModel(context.Workspace.RetrieverFolder));
        weights["projection.bias"].Values[0] += 1;
        string data = SafetensorsFile.ReadMetadata(Path.Combine(context.Workspace.RetrieverFolder, ModelFolder.WeightsName))[Provenance.Data];
        ModelFolder.Retriever.Write(context.Workspace.RetrieverFolder, model, weights.Values, data);
    }
}
