using System.Diagnostics;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Retrieval;

/// <summary>What an epoch would cost on this machine, projected from a few steps.</summary>
/// <param name="Preset">Whose settings were tried.</param>
/// <param name="Device">Where.</param>
/// <param name="Threads">CPU threads.</param>
/// <param name="Steps">Of an epoch.</param>
/// <param name="StepSeconds">Of one step, on average.</param>
/// <param name="TrainSeconds">Of an epoch's steps.</param>
/// <param name="ValidationSeconds">Of one validation over all users, with a network that is not trained: as fast as a trained one.</param>
/// <param name="SequencesPerSecond">In training.</param>
/// <param name="MostEpochs">After so many it ends, if nothing ends it earlier.</param>
/// <param name="PeakMemory">Bytes that this process held at most, mapped files included.</param>
public sealed record EpochEstimate(
    string Preset, string Device, int Threads, int Steps, double StepSeconds, double TrainSeconds, double ValidationSeconds,
    double SequencesPerSecond, int MostEpochs, long PeakMemory)
{
    private const int WarmUpSteps = 1; // The first one also allocates and compiles.
    private const int UsersValidated = 512;

    /// <param name="preset">Its retriever's settings are tried on the prepared data; nothing is written.</param>
    /// <param name="steps">Steps to time.</param>
    /// <param name="context">Of the step.</param>
    /// <exception cref="UserErrorException">No prepared data.</exception>
    public static async Task<EpochEstimate> MeasureAsync(string preset, int steps, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        TrainRetrieverOptions options = Presets.Get(preset, data.Summary.Interactions).Retriever;
        return TrainRetrieverStep.WithTrainer(data, options, context, trainer =>
        {
            (int stepsOfEpoch, double step) = TimeSteps(trainer, steps, context);
            double validation = TimeValidation(trainer.Tower, data, context);
            return new EpochEstimate(
                preset, context.Device, context.Threads, stepsOfEpoch, step, stepsOfEpoch * step, validation,
                Math.Min(options.BatchUsers, data.Split.UserCount) / step, options.Epochs, Process.GetCurrentProcess().PeakWorkingSet64);
        });
    }

    // Breaks an epoch off as Ctrl+C would.
    private static (int StepsOfEpoch, double Seconds) TimeSteps(RetrieverTrainer trainer, int steps, StepContext context)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
        int ofEpoch = 0;
        int timed = 0;
        long start = Stopwatch.GetTimestamp();
        long end = start;
        try
        {
            trainer.TrainEpoch(1, (step, all, loss) =>
            {
                int warmUp = Math.Min(WarmUpSteps, all - 1);
                end = Stopwatch.GetTimestamp();
                (start, timed, ofEpoch) = (step == warmUp ? end : start, step - warmUp, all);
                context.Progress.Report(new StepProgress { Fraction = 0.9 * step / (steps + warmUp), Loss = loss });
                if (timed == steps)
                {
                    enough.Cancel();
                }
            }, enough.Token);
        }
        catch (OperationCanceledException) when (!context.Cancellation.IsCancellationRequested)
        {
            // As asked for above.
        }

        return (ofEpoch, Stopwatch.GetElapsedTime(start, end).TotalSeconds / timed);
    }

    private static double TimeValidation(UserTower tower, PreparedData data, StepContext context)
    {
        UserHistories all = data.Histories;
        int users = Math.Min(UsersValidated, all.UserCount);
        var some = new UserHistories(
            all.UserIds[..users].ToArray(), all.Offsets[..(users + 1)].ToArray(), all.Items[..(int)all.Offsets[users]].ToArray(), all.Times[..(int)all.Offsets[users]].ToArray());
        var ranking = new FullRanking(DataSplit.Of(some, data.Summary.Cuts), data.Catalog.Count) { Threads = context.Threads };
        using var scorer = new RetrieverScorer(tower);
        long start = Stopwatch.GetTimestamp();
        ranking.Evaluate(scorer, HeldOut.Validation, cancellation: context.Cancellation);
        return Stopwatch.GetElapsedTime(start).TotalSeconds * all.UserCount / users;
    }
}
