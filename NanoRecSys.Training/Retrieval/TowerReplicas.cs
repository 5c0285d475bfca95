using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// A network and copies of it that share a step's sequences, each on a thread of its own. At our widths most of
/// torch's operators are too short to be divided: eight HSTU blocks of width 64, a kind that was removed since, took
/// 244 ms a step with two threads inside them, 260 ms with one.
/// </summary>
/// <remarks>
/// Wherever a copy computes, numbers for operators are kept in fields or tensors; <see cref="TensorSums"/> tells why.
/// </remarks>
internal sealed class TowerReplicas : IDisposable
{
    private readonly UserTower[] _towers; // the first is the one that is trained
    private readonly Parameter[][] _parameters; // by tower

    /// <param name="tower">Owned by the caller.</param>
    /// <param name="count">Towers in all.</param>
    public TowerReplicas(UserTower tower, int count)
    {
        ModelInfo model = tower.Model;
        _towers = [tower, .. Enumerable.Range(1, count - 1).Select(_ => new UserTower(model))];
        _parameters = [.. _towers.Select(each => each.parameters().ToArray())];
    }

    public int Count => _towers.Length;

    public void BeginEpoch(long noiseSeed, bool isReduced)
    {
        for (int i = 0; i < Count; i++)
        {
            _towers[i].Noise = new DropoutNoise(noiseSeed + i);
            _towers[i].UseReducedPrecision(isReduced);
            _towers[i].train();
        }
    }

    /// <summary>Leaves the gradients of the whole step's mean loss in the first tower, and returns that loss.</summary>
    /// <param name="parts">One for each tower, none empty.</param>
    /// <param name="loss">Its positions do not look at each other.</param>
    public double Backward(IReadOnlyList<SequenceBatch> parts, IRetrieverLoss loss)
    {
        CopyWeights();
        double total = parts.Sum(part => part.Targets.shape[0]);
        double[] shares = [.. parts.Select(part => part.Targets.shape[0] / total)];
        double[] losses = new double[parts.Count];
        Parallel.For(0, parts.Count, new ParallelOptions { MaxDegreeOfParallelism = Count }, i =>
        {
            set_num_threads(1); // counts for the calling thread
            losses[i] = RetrieverTrainer.Backward(_towers[i], parts[i], loss);
        });
        AddGradients(shares);
        return losses.Zip(shares, (each, share) => each * share).Sum();
    }

    public void Dispose()
    {
        foreach (UserTower replica in _towers.AsSpan(1))
        {
            replica.Dispose();
        }
    }

    private void CopyWeights()
    {
        using var noGradient = no_grad();
        for (int i = 1; i < Count; i++)
        {
            for (int p = 0; p < _parameters[i].Length; p++)
            {
                _parameters[i][p].copy_(_parameters[0][p]);
            }

            _towers[i].zero_grad();
        }
    }

    // In the towers' order, whichever thread was first: a seed makes the same weights each time.
    private void AddGradients(double[] shares)
    {
        using var noGradient = no_grad();
        for (int p = 0; p < _parameters[0].Length; p++)
        {
            using Tensor sum = _parameters[0][p].grad!;
            sum.mul_(shares[0]);
            for (int i = 1; i < shares.Length; i++)
            {
                using Tensor part = _parameters[i][p].grad!;
                sum.add_(part, shares[i]);
            }
        }
    }
}
