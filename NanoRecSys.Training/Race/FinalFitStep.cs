namespace NanoRecSys.Training.Race;

/// <summary>
/// Continues the retriever for a few epochs on all interactions, the held-out ones too, and counts the chosen item lists anew on them: what
/// is served knows everybody's newest items then. All metrics stay those of the models before it; nothing is left to measure these by.
/// </summary>
internal static class FinalFitStep
{
    /// <exception cref="UserErrorException">No prepared data, or no retriever that was trained here.</exception>
    public static async Task<FinalFitSummary> RunAsync(FinalFitOptions options, StepContext context)
    {
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        var whole = new WholeHistories(data.Histories);
        return await RunAsync(options, data with { Split = whole, TrainCounts = PreparedData.CountTrain(whole, data.Catalog.Count) }, context);
    }

    /// <param name="options">See there.</param>
    /// <param name="data">With the split to train on.</param>
    /// <param name="context">Of the step.</param>
    internal static async Task<FinalFitSummary> RunAsync(FinalFitOptions options, PreparedData data, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        Workspace workspace = context.Workspace;
        TrainRetrieverOptions trained = OptionsOf(workspace.RetrieverFolder);
        TrainRetrieverOptions continued = trained with
        {
            Epochs = options.Epochs,
            LearningRate = options.LearningRateShare * trained.LearningRate,
            WarmupSteps = 0,
            Decay = LearningRateDecay.Cosine,
        };
        AtomicFolder.DeleteIfExists(workspace.FinalFolder);
        var info = new FinalFitInfo(options.Epochs, continued.LearningRate, data.Split.Histories.InteractionCount);
        await TrainRetrieverStep.WithTrainer(data, continued, context, trainer =>
        {
            using (UserTower tower = ModelFolder.ReadRetriever(ModelFolder.ServedRetriever(workspace), data))
            {
                trainer.Tower.load_state_dict(tower.state_dict());
            }

            for (int epoch = 1; epoch <= options.Epochs; epoch++)
            {
                CurvePoint point = TrainRetrieverStep.TrainEpoch(trainer, epoch, options.Epochs, resumedAt: 0, context);
                if (!double.IsFinite(point.Loss!.Value))
                {
                    throw new UserErrorException($"The final fit diverged: the loss became {point.Loss} in epoch {epoch}. Publish without --final-fit.");
                }
            }

            ModelFolder.WriteRetriever(workspace.FinalFolder, trainer.Tower, data.Hash);
            return Task.FromResult(true);
        });

        RaceOutcome? race = RaceOutcome.Find(workspace, data);
        foreach (ItemListInfo list in race?.Lists ?? [])
        {
            Build(list.Name, data, context).Write(Path.Combine(workspace.FinalFolder, list.File));
        }

        // Last: with it the folder is complete.
        var summary = new FinalFitSummary(info, InputsOf(workspace, data).ToDictionary(input => input.Name, input => input.Hash!), watch.Elapsed.TotalSeconds);
        AtomicFile.Write(Path.Combine(workspace.FinalFolder, FinalFitSummary.FileName), JsonSerializer.SerializeToUtf8Bytes(summary, TrainingJson.Indented.FinalFitSummary));
        context.Progress.Report(new ProgressEvent { Fraction = 1 });
        return summary;
    }

    /// <returns>Null where there was none of this data and these weights.</returns>
    public static FinalFitInfo? Find(Workspace workspace, PreparedData data)
    {
        string path = Path.Combine(workspace.FinalFolder, FinalFitSummary.FileName);
        try
        {
            FinalFitSummary? summary = File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), TrainingJson.Indented.FinalFitSummary) : null;
            return summary is not null && Provenance.Difference(summary.MadeOf, [.. InputsOf(workspace, data)]) is null ? summary.Info : null;
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The chosen blend with its lists counted on the training part of <paramref name="data"/>.</summary>
    public static ItemBlend BlendOf(RaceOutcome race, PreparedData data, StepContext context) =>
        new([.. race.Lists.Select(list => Build(list.Name, data, context))], [.. race.Lists.Select(list => list.Weight)]);

    private static ItemLists Build(string model, PreparedData data, StepContext context)
    {
        int items = data.Catalog.Count;
        string folder = Path.Combine(context.Workspace.BaselinesFolder, model == MatrixFactorization.ListsName ? MatrixFactorization.ModelName : model);
        if (model == ItemKnn.ModelName)
        {
            return ItemKnn.Build(data.Split, items, new ItemKnnOptions(), context.Threads, context.Cancellation);
        }

        if (model == Ease.ModelName)
        {
            EaseOptions ease = ModelFolder.Ease.ReadModel(folder);
            return Ease.Build(data.Split, items, ease.Penalties[0], ease, context.Threads, context.Cancellation);
        }

        MatrixFactorizationOptions options = ModelFolder.MatrixFactorization.ReadModel(folder);
        var als = new ImplicitAls(data.Split, items, options, context.Seed, context.Threads);
        for (int sweep = 0; sweep < options.Sweeps; sweep++)
        {
            als.Sweep(context.Cancellation);
        }

        using var factorization = new MatrixFactorization(options, als.Items, context.Threads);
        return factorization.Lists(new EaseOptions().Neighbours);
    }

    private static TrainRetrieverOptions OptionsOf(string folder)
    {
        try
        {
            return TrainRetrieverStep.ReadRecord(folder)?.Options ?? throw new JsonException("there is none");
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw new UserErrorException(
                $"{Path.Combine(folder, TrainingLog.MetricsName)} does not say how the retriever was trained ({e.Message}). Only what 'train-retriever' trained can be continued.", e);
        }
    }

    private static IEnumerable<(string Name, string? Hash)> InputsOf(Workspace workspace, PreparedData data)
    {
        yield return (Provenance.Data, data.Hash);
        yield return (Provenance.Retriever, ModelFolder.HashOf(ModelFolder.ServedRetriever(workspace)));
        yield return ("final fit", ModelFolder.HashOf(workspace.FinalFolder));
    }
}

/// <summary>Options of <c>final-fit</c>.</summary>
internal sealed record FinalFitOptions
{
    public int Epochs { get; init; } = 3;

    /// <summary>Share of the training's learning rate to start with; it falls to zero along a cosine.</summary>
    public double LearningRateShare { get; init; } = 0.5;
}

/// <param name="Info">What the manifest says of it.</param>
/// <param name="MadeOf">See <see cref="Provenance"/>.</param>
/// <param name="Seconds">Wall time.</param>
internal sealed record FinalFitSummary(FinalFitInfo Info, IReadOnlyDictionary<string, string> MadeOf, double Seconds)
{
    public const string FileName = "final-fit.json";
}
