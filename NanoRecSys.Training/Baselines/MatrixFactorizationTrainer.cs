using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Training.Baselines;

/// <summary>Trains the matrix factorisation: an epoch is a sweep over all users and all items.</summary>
internal sealed class MatrixFactorizationTrainer(MatrixFactorizationOptions options, PreparedData data, long seed, int threads) : IBaselineTrainer
{
    private readonly ImplicitAls _als = new(data.Split, data.Catalog.Count, options, seed, threads);

    public int Epochs => options.Sweeps;

    public int Patience => options.Sweeps; // it ends by their number: a sweep is cheap, and a worse one may come before a better one

    public double? TrainEpoch(int epoch, Action<double> progress, CancellationToken cancellation)
    {
        _als.Sweep(cancellation);
        progress(1);
        return null;
    }

    public IScorer Open() => new MatrixFactorization(options, _als.Items, threads);

    public void Save(string folder) => BaselineFiles.Write(folder, options, _als.Items);

    public void Dispose()
    {
    }
}
