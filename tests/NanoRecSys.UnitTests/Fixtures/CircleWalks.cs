using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>Sixty users walk round a circle of twelve items from different starts, so the next item is certain.</summary>
internal static class CircleWalks
{
    public const int Users = 60, Items = 12, Length = 8;

    public static readonly TrainRetrieverOptions Options = new()
    {
        Dimension = 16,
        Blocks = 1,
        Heads = 2,
        FeedForward = 16,
        MaxLength = 6,
        Dropout = 0.1,
        Temperature = 0.1,
        LearningRate = 0.01,
        WarmupSteps = 5,
        BatchUsers = 16,
        Epochs = 12,
        Patience = 100,
    };

    public static async Task<StepContext> PrepareAsync(TemporaryFolder folder, string name, int length = Length, bool hasCategories = false)
    {
        string source = Directory.CreateDirectory(folder.File($"{name}-source")).FullName;
        IEnumerable<string> rows = Enumerable.Range(0, Users).SelectMany(user =>
            Enumerable.Range(0, length).Select(t => $"{user},{1 + (user + t) % Items},4,{100 + t}"));
        await File.WriteAllLinesAsync(Path.Combine(source, "ratings.csv"), ["userId,movieId,rating,timestamp", .. rows], TestContext.Current.CancellationToken);
        if (hasCategories)
        {
            IEnumerable<string> items = Enumerable.Range(1, Items).Select(item => $"{item},Item {item},{(item <= Items / 2 ? "First|All" : "Second|All")}");
            await File.WriteAllLinesAsync(Path.Combine(source, "movies.csv"), ["movieId,title,genres", .. items], TestContext.Current.CancellationToken);
        }

        StepContext context = StepContexts.In(folder.File(name), "circle") with { Seed = 7, Threads = 1 };
        await PrepareStep.RunAsync(new PrepareOptions { Data = source }, context);
        return context;
    }

    /// <summary>Trains until a report meets the condition, and cancels then as Ctrl+C would.</summary>
    public static async Task InterruptAsync(TrainRetrieverOptions options, StepContext context, Func<ProgressEvent, bool> condition)
    {
        using var stop = new CancellationTokenSource();
        var progress = new ImmediateProgress(report =>
        {
            if (condition(report))
            {
                stop.Cancel();
            }
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TrainRetrieverStep.RunAsync(
            options, context with { Progress = progress, Cancellation = stop.Token }));
    }

    /// <returns>The bytes of the trained retriever's weights.</returns>
    public static byte[] Weights(StepContext context) => File.ReadAllBytes(Path.Combine(context.Workspace.RetrieverFolder, ModelFolder.WeightsName));

    /// <param name="folder">The folder of a retriever.</param>
    public static IReadOnlyDictionary<string, NamedTensor> Tensors(string folder) => SafetensorsFile.Read(Path.Combine(folder, ModelFolder.WeightsName));
}
