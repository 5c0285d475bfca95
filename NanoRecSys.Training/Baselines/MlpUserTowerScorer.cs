using NanoRecSys.Core.Data;
using NanoRecSys.Training.Evaluation;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Baselines;

/// <summary>The MLP user tower as a model to evaluate; not trained while this lives.</summary>
public sealed class MlpUserTowerScorer : IScorer, IDisposable
{
    public const string ModelName = "mlp-user-tower";

    private readonly MlpUserTower _tower;
    private readonly MlpUserTowerOptions _options;
    private readonly bool _isOwner;
    private readonly Tensor _items; // [V, D]
    private readonly ItemProducts _products;

    /// <param name="tower">Put into evaluation mode.</param>
    /// <param name="options">Those of its training.</param>
    /// <param name="isOwner">Whether the tower is disposed with this.</param>
    public MlpUserTowerScorer(MlpUserTower tower, MlpUserTowerOptions options, bool isOwner)
    {
        ArgumentNullException.ThrowIfNull(tower);
        ArgumentNullException.ThrowIfNull(options);
        (_tower, _options, _isOwner) = (tower, options, isOwner);
        tower.eval();
        using var noGradient = no_grad();
        _items = tower.ItemEmbeddings().DetachFromDisposeScope();
        _products = new ItemProducts(_items);
    }

    public string Name => ModelName;

    public double LogitScale => 1 / _options.Temperature;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        ArgumentNullException.ThrowIfNull(histories);
        long[] tokens = new long[histories.Count * _options.HistoryLength]; // [B, M]
        for (int b = 0; b < histories.Count; b++)
        {
            SequenceBuilder.Fill(histories[b].Items.Span, tokens.AsSpan(b * _options.HistoryLength, _options.HistoryLength));
        }

        using var noGradient = no_grad();
        using Tensor batch = tensor(tokens, [histories.Count, _options.HistoryLength], device: _items.device); // [B, M]
        using Tensor users = _tower.forward(batch); // [B, D]
        _products.With(users).CopyTo(scores);
    }

    public void Dispose()
    {
        _products.Dispose();
        _items.Dispose();
        if (_isOwner)
        {
            _tower.Dispose();
        }
    }
}
