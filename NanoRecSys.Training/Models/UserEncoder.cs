using NanoRecSys.Core.Data;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>
/// A trained user tower in use: no gradients, no dropout, item embeddings computed once. While it lives the
/// tower must not be trained; disposing puts the tower back into the mode it was in.
/// </summary>
public sealed class UserEncoder : IDisposable
{
    private readonly UserTower _tower;
    private readonly bool _wasTraining;
    private readonly Tensor _items; // [V, D], L2-normalised

    public UserEncoder(UserTower tower)
    {
        ArgumentNullException.ThrowIfNull(tower);
        _tower = tower;
        _wasTraining = tower.training;
        tower.eval();
        using var noGradient = no_grad();
        _items = tower.ItemEmbeddings();
    }

    /// <summary>V, rows of the item table.</summary>
    public int Items => _tower.Model.Items;

    /// <summary>L, most items of a history that are read.</summary>
    public int MaxLength => _tower.Model.MaxLength;

    /// <summary>[V, D], L2-normalised; owned by this encoder.</summary>
    public Tensor ItemEmbeddings => _items;

    /// <param name="histories">[B]; only the last L items count.</param>
    /// <returns>[B, D], L2-normalised.</returns>
    public Tensor Encode(IReadOnlyList<TimedHistory> histories)
    {
        ArgumentNullException.ThrowIfNull(histories);
        using var noGradient = no_grad();
        using SequencePack pack = SequencePack.Of(histories, _tower.Model.MaxLength, _items.device, _tower.Model.TimeBias);
        return _tower.forward(pack); // [B, D]
    }

    /// <summary>Cosine of every user with every item.</summary>
    /// <param name="users">[B, D], L2-normalised.</param>
    /// <returns>[B, V] cosines.</returns>
    public Tensor Score(Tensor users)
    {
        ArgumentNullException.ThrowIfNull(users);
        using var noGradient = no_grad();
        using Tensor columns = _items.t();
        return users.matmul(columns); // [B, D] x [D, V] -> [B, V]
    }

    public void Dispose()
    {
        _items.Dispose();
        _tower.train(_wasTraining);
    }
}
