using NanoRecSys.Training.Kernels;
using TorchSharp;

namespace NanoRecSys.Training.Retrieval;

/// <summary>Trains the members of a retriever, as many at once as there are threads. Two single-threaded trainings take
/// less time than two in sequence on two threads (docs/lab/decisions.md). Member m has the seed plus m, and the same weights as if trained alone
/// with the same number of threads.</summary>
internal static class RetrieverMembers
{
    public static async Task<T[]> TrainAsync<T>(TrainRetrieverOptions options, StepContext context, Func<int, StepContext, Task<T>> train)
    {
        if (options.Members is not { } members)
        {
            return [await train(0, context)];
        }

        int together = AtOnce(options, context);
        var progress = new MembersProgress(members, context.Progress);
        var results = new T[members];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = together, CancellationToken = context.Cancellation };
        await Parallel.ForEachAsync(Enumerable.Range(0, members), parallel, async (member, cancellation) =>
            results[member] = await train(member, context with
            {
                Seed = context.Seed + member,
                Threads = context.Threads / together,
                Progress = progress.Of(member),
                Cancellation = cancellation, // also if another member fails
            }));
        return results;
    }

    /// <summary>Number of members trained at a time. As for replicas, more than one only if nothing draws from torch's generator, which is shared by
    /// all threads.</summary>
    public static int AtOnce(TrainRetrieverOptions options, StepContext context)
    {
        if (options.Members is not { } members || options.Loss != RetrieverLoss.FullSoftmax)
        {
            return 1;
        }

        LibTorch.Load();
        return NetworkOperations.For(torch.device(context.Device), options.ToModel(items: 1)).AllowsThreads ? Math.Min(members, context.Threads) : 1;
    }
}

/// <summary>Combines the members' reports as those of one training: the mean of their progress, the mean loss and the total speed of those that are
/// training. Validations and messages stay those of a member.</summary>
internal sealed class MembersProgress(int members, IProgress<ProgressEvent> training)
{
    private readonly Lock _gate = new();
    private readonly ProgressEvent[] _latest = [.. Enumerable.Repeat(new ProgressEvent(), members)];

    public IProgress<ProgressEvent> Of(int member) => new ImmediateProgress(report => Report(member, report));

    private void Report(int member, ProgressEvent report)
    {
        lock (_gate)
        {
            _latest[member] = report.Fraction is null ? _latest[member] : report;
            training.Report((report.Metrics is null && report.Message is null ? Together(report) : report with { Detail = $"member {member + 1} of {members}" }) with
            {
                Fraction = report.Fraction is null ? null : _latest.Average(each => each.Fraction ?? 0),
                ResumedAt = _latest.Average(each => each.ResumedAt),
            });
        }
    }

    private ProgressEvent Together(ProgressEvent report)
    {
        ProgressEvent[] training = [.. _latest.Where(each => each.Fraction < 1)];
        return training.Length == 0 ? report : report with
        {
            Epoch = training.Min(each => each.Epoch),
            Loss = training.Average(each => each.Loss),
            SequencesPerSecond = training.Sum(each => each.SequencesPerSecond),
        };
    }
}
