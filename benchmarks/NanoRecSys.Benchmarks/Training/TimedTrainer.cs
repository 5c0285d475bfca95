using System.Diagnostics;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Retrieval;
using static TorchSharp.torch;

namespace NanoRecSys.Benchmarks.Training;

/// <summary>The product's own trainer, some steps at a time.</summary>
internal sealed class TimedTrainer : IDisposable
{
    private readonly UserTower _tower;
    private readonly RetrieverTrainer _trainer;
    private readonly int _threads;

    public TimedTrainer(PreparedData data, TrainRetrieverOptions options, int threads)
    {
        _threads = threads;
        set_num_threads(threads);
        manual_seed(1);
        _tower = new UserTower(options.ToModel(data.Catalog.Count), options.EmbeddingStd);
        var loss = new FullSoftmaxLoss(options.Temperature, Precision.IsReduced(options.ReducedPrecision, CPU));
        _trainer = new RetrieverTrainer(_tower, data.Split, options, seed: 1, loss);
    }

    /// <returns>Seconds of each of the first steps of an epoch, which is then broken off as by Ctrl+C.</returns>
    public IReadOnlyList<double> Steps(int count)
    {
        set_num_threads(_threads);
        using var enough = new CancellationTokenSource();
        var seconds = new List<double>();
        long start = Stopwatch.GetTimestamp();
        try
        {
            _trainer.TrainEpoch(1, done =>
            {
                seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                start = Stopwatch.GetTimestamp();
                if (done.Step == count)
                {
                    enough.Cancel();
                }
            }, enough.Token);
        }
        catch (OperationCanceledException)
        {
            // As asked for above.
        }

        return seconds;
    }

    public void Dispose()
    {
        _trainer.Dispose();
        _tower.Dispose();
    }
}
