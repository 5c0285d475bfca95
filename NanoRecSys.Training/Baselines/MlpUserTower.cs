using NanoRecSys.Training.Models;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Baselines;

/// <summary>What a user tower is without a sequence: the mean of the last items, through one hidden layer.</summary>
public sealed class MlpUserTower : nn.Module<Tensor, Tensor>
{
    private const double EmbeddingStd = 0.02; // as the transformer's item table starts

    // Kept alive here: TorchSharp lets the collector free a number's native half while an operation still reads it.
    private static readonly Scalar None = 0;
    private static readonly Scalar One = 1;

    [ComponentName(Name = "embedding")]
    private readonly Embedding _embedding; // [V, D]
    [ComponentName(Name = "mlp")]
    private readonly Sequential _mlp; // D -> H -> D

    /// <param name="items">V</param>
    /// <param name="options">Sizes and dropout.</param>
    public MlpUserTower(int items, MlpUserTowerOptions options)
        : base(nameof(MlpUserTower))
    {
        ArgumentNullException.ThrowIfNull(options);
        _embedding = nn.Embedding(items, options.Dimension);
        nn.init.normal_(_embedding.weight!, 0, EmbeddingStd);
        _mlp = nn.Sequential(
            nn.Dropout(options.Dropout),
            new MixedLinear(options.Dimension, options.Hidden, hasBias: true),
            nn.SiLU(),
            nn.Dropout(options.Dropout),
            new MixedLinear(options.Hidden, options.Dimension, hasBias: true));
        RegisterComponents();
    }

    /// <param name="tokens">[B, M] int64; 0 is padding, an item is its row + 1. Their order does not matter.</param>
    /// <returns>[B, D], L2-normalised.</returns>
    public override Tensor forward(Tensor tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        using var scope = NewDisposeScope();
        Tensor isItem = tokens.gt(None).to(float32).unsqueeze(-1); // [B, M, 1]
        Tensor items = nn.functional.normalize(_embedding.forward(tokens.sub(One).clamp_min(None)), 2, -1); // [B, M, D]
        Tensor mean = (items * isItem).sum(1) / isItem.sum(1).clamp_min(One); // [B, D]
        return nn.functional.normalize(_mlp.forward(mean), 2, -1).MoveToOuterDisposeScope();
    }

    /// <summary>[V, D], L2-normalised rows.</summary>
    public Tensor ItemEmbeddings() => nn.functional.normalize(_embedding.weight!, 2, -1);
}
