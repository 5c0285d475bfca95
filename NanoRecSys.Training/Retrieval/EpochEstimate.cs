namespace NanoRecSys.Training.Retrieval;

/// <summary>Projected cost of an epoch on this machine, from a few steps.</summary>
/// <param name="ProcessorShare">
/// Share of the threads' time that the steps got: far below 1, the machine is busy, or the CPU waits for a GPU.
/// </param>
/// <param name="LoadSeconds">Time to load the prepared data.</param>
/// <param name="ValidationSeconds">Time of one validation over all users, with an untrained network, which is as fast as a trained one.</param>
/// <param name="PeakMemory">Peak memory of this process in bytes, including mapped files.</param>
internal sealed record EpochEstimate(
    string Preset, string Device, int Threads, double ProcessorShare, double LoadSeconds, int Steps, double StepSeconds, double TrainSeconds,
    double ValidationSeconds, double SequencesPerSecond, int MostEpochs, long PeakMemory)
{
    private const int WarmUpSteps = 1; // The first step also allocates and compiles.
    private const int UsersValidated = 512;

    public static async Task<EpochEstimate> MeasureAsync(string preset, int steps, StepContext context)
    {
        long start = Stopwatch.GetTimestamp();
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        double load = Stopwatch.GetElapsedTime(start).TotalSeconds;
        TrainRetrieverOptions options = Presets.Get(preset, data.Summary).Retriever;
        int atOnce = RetrieverMembers.AtOnce(options, context);
        int inTurn = ((options.Members ?? 1) + atOnce - 1) / atOnce;
        context = context with { Threads = context.Threads / atOnce };
        return await TrainRetrieverStep.WithTrainer(data, options, context, trainer =>
        {
            using Process process = Process.GetCurrentProcess();
            (int stepsOfEpoch, double step, double processor) = TimeSteps(trainer, steps, process, context);
            double validation = TimeValidation(trainer, data, context);
            process.Refresh();
            return Task.FromResult(new EpochEstimate(
                preset, context.Device, context.Threads, processor / (step * context.Threads), load, stepsOfEpoch, step, stepsOfEpoch * step, validation,
                Math.Min(options.BatchUsers, data.Split.UserCount) / step, options.Epochs * inTurn, process.PeakWorkingSet64));
        });
    }

    // Cancels an epoch as Ctrl+C would.
    private static (int StepsOfEpoch, double Seconds, double ProcessorSeconds) TimeSteps(
        RetrieverTrainer trainer, int steps, Process process, StepContext context)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
        int ofEpoch = 0;
        int timed = 0;
        (TimeSpan Wall, TimeSpan Processor) start = Now(), end = start;
        try
        {
            trainer.TrainEpoch(1, done =>
            {
                (int step, int all) = (done.Step, done.Steps);
                int warmUp = Math.Min(WarmUpSteps, all - 1);
                end = Now();
                (start, timed, ofEpoch) = (step == warmUp ? end : start, step - warmUp, all);
                context.Progress.Report(new ProgressEvent { Fraction = 0.9 * step / (steps + warmUp), Loss = done.Loss });
                if (timed == steps)
                {
                    enough.Cancel();
                }
            }, enough.Token);
        }
        catch (OperationCanceledException) when (!context.Cancellation.IsCancellationRequested)
        {
            // Cancelled above.
        }

        return (ofEpoch, (end.Wall - start.Wall).TotalSeconds / timed, (end.Processor - start.Processor).TotalSeconds / timed);

        (TimeSpan Wall, TimeSpan Processor) Now()
        {
            process.Refresh();
            return (Stopwatch.GetElapsedTime(0), process.TotalProcessorTime);
        }
    }

    private static double TimeValidation(RetrieverTrainer trainer, PreparedData data, StepContext context)
    {
        var ranking = new NextItemRanking(data.Split, data.Catalog.Count) { Threads = context.Threads, MostUsers = UsersValidated };
        using var encoder = new BatchEncoder(trainer.Tower, trainer.IsReduced);
        long start = Stopwatch.GetTimestamp();
        int ranked = ranking.Ranks(new RetrieverScorer(encoder), HeldOut.Validation, context.Cancellation).Length;
        return Stopwatch.GetElapsedTime(start).TotalSeconds * data.Split.UserCount / Math.Max(1, ranked);
    }
}
