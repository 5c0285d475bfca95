namespace NanoRecSys.Training.Retrieval;

/// <param name="Epochs">As many as were best on validation.</param>
/// <param name="Loss">Of the last epoch, in nats.</param>
internal sealed record RefitSummary(int Epochs, double Loss, double Seconds);

/// <summary>Trains the selected retriever again from the start, with the settings and the number of epochs that validation chose, and with the
/// validation items in the training part. Only the test item of each user stays unseen: in short histories, the validation item is a large share of
/// what is known of a user, and the newest.</summary>
internal static class RefitStep
{
    public static async Task<RefitSummary> RunAsync(StepContext context)
    {
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        TrainingState<TrainRetrieverOptions> selected = ReadSelected(context.Workspace.RetrieverFolder, data);
        return await TrainRetrieverStep.WithTrainer(
            data.WithValidation(), selected.Options, context with { Seed = selected.Seed }, trainer => Task.FromResult(Fit(trainer, selected.BestEpoch, data.Hash, context)));
    }

    private static RefitSummary Fit(RetrieverTrainer trainer, int epochs, string data, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        double loss = 0;
        for (int epoch = 1; epoch <= epochs; epoch++)
        {
            CurvePoint point = TrainRetrieverStep.TrainEpoch(trainer, epoch, epochs, resumedAt: 0, context);
            point.RequireFiniteLoss();
            loss = point.Loss!.Value;
        }

        Workspace workspace = context.Workspace;
        ModelFolder.WriteRetriever(workspace.RefitFolder, trainer.Tower, data, selected: ModelFolder.HashOf(workspace.RetrieverFolder));
        return new RefitSummary(epochs, loss, watch.Elapsed.TotalSeconds);
    }

    private static TrainingState<TrainRetrieverOptions> ReadSelected(string folder, PreparedData data)
    {
        ModelFolder.Retriever.ReadModel(folder); // fails where there is none
        if (ModelFolder.Retriever.MismatchOf(folder, data) is { } mismatch)
        {
            throw new UserErrorException(mismatch);
        }

        try
        {
            return TrainRetrieverStep.ReadRecord(folder) is { BestEpoch: > 0 } state
                ? state
                : throw new UserErrorException($"{folder} holds no record of a training ({TrainingLog.MetricsName}), as for imported weights. Run 'train-retriever' first.");
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"{Path.Combine(folder, TrainingLog.MetricsName)} cannot be read ({e.Message}). Run 'train-retriever' again.", e);
        }
    }
}
