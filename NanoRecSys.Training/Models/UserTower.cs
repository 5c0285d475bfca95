using NanoRecSys.Core.Artifacts;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>
/// The retriever: a causal transformer over a user's items, and the item table that it shares with the item
/// tower. Its weights go by the names of <see cref="nn.Module.state_dict"/>: <c>embedding.weight</c>,
/// <c>blocks.0.attn.qkv_proj.weight</c>, ...
/// </summary>
public sealed class UserTower : nn.Module<Tensor, Tensor>
{
    // Kept alive here: TorchSharp lets the collector free a number's native half while an operation still reads it.
    private static readonly Scalar None = 0;
    private static readonly Scalar One = 1;

    [ComponentName(Name = "embedding")]
    private readonly Embedding _embedding; // [V, D]
    [ComponentName(Name = "dropout")]
    private readonly Dropout _dropout;
    [ComponentName(Name = "blocks")]
    private readonly ModuleList<TransformerBlock> _blocks;
    [ComponentName(Name = "norm")]
    private readonly RmsNorm _norm;
    [ComponentName(Name = "projection")]
    private readonly Linear _projection; // D -> D

    /// <param name="model">Sizes and dropout.</param>
    /// <param name="embeddingStd">Standard deviation of the item table's first values.</param>
    public UserTower(ModelInfo model, double embeddingStd = 0.02)
        : base(nameof(UserTower))
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.Dimension % (2 * model.Heads) != 0)
        {
            throw new ArgumentException(
                $"Dimension {model.Dimension} must be a multiple of twice the {model.Heads} heads: each is rotated in halves.", nameof(model));
        }

        Model = model;
        _embedding = nn.Embedding(model.Items, model.Dimension);
        nn.init.normal_(_embedding.weight!, 0, embeddingStd);
        _dropout = nn.Dropout(model.Dropout);
        _blocks = nn.ModuleList([.. Enumerable.Range(0, model.Blocks).Select(_ => new TransformerBlock(model))]);
        _norm = new RmsNorm(model.Dimension);
        _projection = XavierLinear.Create(model.Dimension, model.Dimension, hasBias: true);
        RegisterComponents();
    }

    public ModelInfo Model { get; }

    /// <summary>[V, D] the item table as it is trained, not normalised.</summary>
    public Parameter ItemTable => _embedding.weight!;

    /// <summary>User embeddings as they are served: of the last position only.</summary>
    /// <param name="tokens">[B, L] int64; 0 is padding on the left, an item is its row + 1.</param>
    /// <returns>[B, D], L2-normalised.</returns>
    public override Tensor forward(Tensor tokens)
    {
        using var scope = NewDisposeScope();
        Tensor last = Hidden(tokens).select(1, -1); // [B, D]
        return Project(last).MoveToOuterDisposeScope();
    }

    /// <summary>The last block's output at every position.</summary>
    /// <param name="tokens">[B, L] int64; padding may stand on either side.</param>
    /// <returns>[B, L, D]; what stands at padding has no meaning.</returns>
    public Tensor Hidden(Tensor tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        using var scope = NewDisposeScope();
        Tensor isItem = tokens.gt(None); // [B, L]
        Tensor rows = tokens.sub(One).clamp_min(None); // [B, L]
        Tensor x = _dropout.forward(_embedding.forward(rows) * isItem.unsqueeze(-1)); // [B, L, D]
        AttentionContext context = ContextOf(isItem);
        foreach (TransformerBlock block in _blocks)
        {
            x = block.forward(x, context); // [B, L, D]
        }

        return x.MoveToOuterDisposeScope();
    }

    /// <summary>Turns hidden states into user embeddings.</summary>
    /// <param name="hidden">[..., D]</param>
    /// <returns>[..., D], L2-normalised.</returns>
    public Tensor Project(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        Tensor projected = _projection.forward(_norm.forward(hidden)); // [..., D]
        return nn.functional.normalize(projected, 2, -1).MoveToOuterDisposeScope();
    }

    /// <summary>The item tower: [V, D], L2-normalised rows.</summary>
    public Tensor ItemEmbeddings() => nn.functional.normalize(ItemTable, 2, -1);

    // A padded position may look at itself: a row without any true entry would turn into NaN.
    private AttentionContext ContextOf(Tensor isItem)
    {
        using var scope = NewDisposeScope();
        int length = (int)isItem.shape[1];
        (Tensor cos, Tensor sin) = RotaryEmbedding.Angles(length, Model.Dimension / Model.Heads, Model.RopeBase, isItem.device);
        Tensor causal = ones(length, length, ScalarType.Bool, isItem.device).tril(); // [L, L]
        Tensor self = eye(length, dtype: ScalarType.Bool, device: isItem.device); // [L, L]
        Tensor mask = (isItem.unsqueeze(1).logical_or(self)).logical_and(causal).unsqueeze(1); // [B, 1, L, L]
        return new AttentionContext(
            cos.MoveToOuterDisposeScope(), sin.MoveToOuterDisposeScope(), mask.MoveToOuterDisposeScope());
    }
}
