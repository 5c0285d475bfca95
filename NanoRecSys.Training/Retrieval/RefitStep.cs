namespace NanoRecSys.Training.Retrieval;

/// <param name="Epochs">As many as were best on validation; the most of any member.</param>
/// <param name="Loss">Of the last epoch, in nats.</param>
internal sealed record RefitSummary(int Epochs, double Loss, double Seconds);

/// <summary>Trains the selected retriever again from the start, with the settings and the number of epochs that validation chose, and with the
/// validation items in the training part. Only the test item of each user stays unseen: in short histories, the validation item is a large share of
/// what is known of a user, and the newest.</summary>
internal static class RefitStep
{
    public static async Task<RefitSummary> RunAsync(StepContext context)
    {
        var watch = Stopwatch.StartNew();
        (string selected, string refit) = (context.Workspace.RetrieverFolder, context.Workspace.RefitFolder);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        ModelFolder.Retriever.ReadModel(selected); // fails where there is none
        if (ModelFolder.Retriever.MismatchOf(selected, data) is { } mismatch)
        {
            throw new UserErrorException(mismatch);
        }

        MemberFit[] members = [.. TrainRetrieverStep.ReadRecords(selected).Select(training => new MemberFit(training.Options, training.BestEpoch, training.Seed))];
        double loss = await TrainRetrieverStep.FitAsync(data.WithValidation(), members, start: null, refit, ModelFolder.HashOf(selected), context);
        return new RefitSummary(members.Max(member => member.Epochs), loss, watch.Elapsed.TotalSeconds);
    }
}
