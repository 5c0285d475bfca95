namespace NanoRecSys.Training.Retrieval;

/// <param name="Epochs">Best number of epochs on validation; the largest of all members.</param>
/// <param name="Loss">Loss of the last epoch, in nats.</param>
internal sealed record RefitSummary(int Epochs, double Loss, double Seconds);

/// <summary>Retrains the selected retriever from scratch, with its settings, the number of epochs that validation chose, and the
/// validation items in the training part. Only each user's test item stays unseen. In short histories, the validation item is a large share of
/// what is known of a user, and the newest.</summary>
internal static class RefitStep
{
    public static async Task<RefitSummary> RunAsync(StepContext context)
    {
        var watch = Stopwatch.StartNew();
        (string selected, string refit) = (context.Workspace.RetrieverFolder, context.Workspace.RefitFolder);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        ModelFolder.Retriever.ReadModel(selected); // fails if there is none
        if (ModelFolder.Retriever.MismatchOf(selected, data) is { } mismatch)
        {
            throw new UserErrorException(mismatch);
        }

        MemberFit[] members = [.. TrainRetrieverStep.ReadRecords(selected).Select(training => new MemberFit(training.Options, training.BestEpoch, training.Seed))];
        double loss = await TrainRetrieverStep.FitAsync(data.WithValidation(), members, start: null, refit, ModelFolder.HashOf(selected), context);
        return new RefitSummary(members.Max(member => member.Epochs), loss, watch.Elapsed.TotalSeconds);
    }
}

/// <summary>
/// Continues the retriever for a few epochs on all interactions, including held-out ones, and recomputes the chosen item lists on them: the
/// served model then knows everybody's newest items. All metrics are those of the earlier models; no data is left to measure these.
/// </summary>
internal static class FinalFitStep
{
    /// <exception cref="UserErrorException">No prepared data, or no retriever trained here.</exception>
    public static async Task<FinalFitSummary> RunAsync(FinalFitOptions options, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        Workspace workspace = context.Workspace;
        PreparedData data = await PreparedData.LoadAsync(workspace.DataFolder, context.Cancellation);
        data = data.With(new LeaveOneOut(data.Histories, heldOut: 0));
        IReadOnlyList<TrainingState<TrainRetrieverOptions>> records = TrainRetrieverStep.ReadRecords(workspace.RetrieverFolder);
        TrainRetrieverOptions trained = records[0].Options;
        TrainRetrieverOptions continued = trained with
        {
            Epochs = options.Epochs,
            LearningRate = options.LearningRateShare * trained.LearningRate,
            WarmupSteps = 0,
            Decay = LearningRateDecay.Cosine,
        };
        AtomicFolder.DeleteIfExists(workspace.FinalFolder);
        await TrainRetrieverStep.FitAsync(
            data, [.. records.Select((_, member) => new MemberFit(continued, options.Epochs, context.Seed + member))],
            ModelFolder.ServedRetriever(workspace), workspace.FinalFolder, selected: null, context);

        RaceOutcome? race = RaceOutcome.Find(workspace, data);
        foreach (ItemListInfo list in race?.Lists ?? [])
        {
            Build(list.Name, data, context).Write(Path.Combine(workspace.FinalFolder, list.File));
        }

        // Last: with it the folder is complete.
        var info = new FinalFitInfo(options.Epochs, continued.LearningRate, data.Histories.InteractionCount);
        var summary = new FinalFitSummary(info, Provenance.Record(InputsOf(workspace, data)), watch.Elapsed.TotalSeconds);
        TrainingJson.Write(Path.Combine(workspace.FinalFolder, FinalFitSummary.FileName), summary);
        context.Progress.Report(new ProgressEvent { Fraction = 1 });
        return summary;
    }

    /// <returns>Null if there is none for this data and these weights.</returns>
    public static FinalFitInfo? Find(Workspace workspace, PreparedData data)
    {
        try
        {
            var summary = TrainingJson.Read<FinalFitSummary>(Path.Combine(workspace.FinalFolder, FinalFitSummary.FileName));
            return summary is not null && Provenance.Difference(summary.MadeOf, [.. InputsOf(workspace, data)]) is null ? summary.Info : null;
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The chosen blend with its lists computed on the training part of <paramref name="data"/>.</summary>
    public static ItemBlend BlendOf(RaceOutcome race, PreparedData data, StepContext context) =>
        new([.. race.Lists.Select(list => Build(list.Name, data, context))], [.. race.Lists.Select(list => list.Weight)]);

    private static ItemLists Build(string model, PreparedData data, StepContext context)
    {
        int items = data.Catalog.Count;
        switch (model)
        {
            case Popularity.ModelName:
                return Popularity.Lists(data.TrainWeights());
            case ItemKnn.ModelName:
                return ItemKnn.Build(data.Split, items, new ItemKnnOptions(), context.Threads, context.Cancellation);
            default:
                EaseOptions ease = ModelFolder.Ease.ReadModel(context.Workspace.BaselineFolder(model));
                return Ease.Build(data.Split, items, ease.Penalties[0], ease, context.Threads, context.Cancellation);
        }
    }

    private static IEnumerable<(string Name, string? Hash)> InputsOf(Workspace workspace, PreparedData data)
    {
        yield return (Provenance.Data, data.Hash);
        yield return (Provenance.Retriever, ModelFolder.HashOf(ModelFolder.ServedRetriever(workspace)));
        yield return ("final fit", ModelFolder.HashOf(workspace.FinalFolder));
    }
}

internal sealed record FinalFitOptions
{
    public int Epochs { get; init; } = 3;

    /// <summary>Initial learning rate as a share of the training's; it decays to zero along a cosine.</summary>
    public double LearningRateShare { get; init; } = 0.5;
}

/// <param name="Info">Its entry in the manifest.</param>
/// <param name="MadeOf">See <see cref="Provenance"/>.</param>
internal sealed record FinalFitSummary(FinalFitInfo Info, IReadOnlyDictionary<string, string> MadeOf, double Seconds)
{
    public const string FileName = "final-fit.json";
}
