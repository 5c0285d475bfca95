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
