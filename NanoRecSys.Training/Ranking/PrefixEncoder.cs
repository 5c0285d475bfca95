using NanoRecSys.Core.Data;
using NanoRecSys.Training.Models;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>
/// The user embeddings a history had on its way: after each of its last items, in one pass of the causal
/// network. An earlier one sees a little less of the past than it would alone: the pass reads L items in all.
/// </summary>
public sealed class PrefixEncoder(UserTower tower)
{
    /// <param name="history">At least one item.</param>
    /// <param name="positions">M, at most the history's length and the network's L.</param>
    /// <returns>[M, D], L2-normalised: after all but the last M - 1 items, ..., after all of them.</returns>
    public Tensor Encode(TimedHistory history, int positions)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using SequencePack pack = SequencePack.Of([history], tower.Model.MaxLength, tower.Device, tower.Model.TimeBias);
        Tensor hidden = tower.Hidden(pack); // [L, D]
        return tower.Project(hidden[^positions..]).MoveToOuterDisposeScope(); // [M, D]
    }
}
