using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Training.Baselines;

/// <summary>A baseline in training.</summary>
internal interface IBaselineTrainer : IDisposable
{
    /// <summary>Epochs at most.</summary>
    int Epochs { get; }

    /// <summary>Epochs without a better validation before the training ends.</summary>
    int Patience { get; }

    /// <param name="epoch">1-based.</param>
    /// <param name="progress">Told the share of the epoch that is done, 0..1.</param>
    /// <param name="cancellation">Looked at often.</param>
    /// <returns>Mean loss, where it is known.</returns>
    double? TrainEpoch(int epoch, Action<double> progress, CancellationToken cancellation);

    /// <summary>The model as it is now, for as long as it is not trained on; the caller disposes it, where that is disposable.</summary>
    IScorer Open();

    /// <summary>Writes the model as it is now.</summary>
    void Save(string folder);
}
