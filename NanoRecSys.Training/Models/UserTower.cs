using NanoRecSys.Core.Artifacts;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>
/// The retriever: causal blocks over a user's items, and the item table that they share with the item tower. Its
/// weights go by the names of <see cref="nn.Module.state_dict"/>: <c>embedding.weight</c>,
/// <c>blocks.0.attn.qkv_proj.weight</c>, ...
/// </summary>
public sealed class UserTower : nn.Module<SequencePack, Tensor>
{
    [ComponentName(Name = "embedding")]
    private readonly Embedding _embedding; // [V, D]
    [ComponentName(Name = "blocks")]
    private readonly ModuleList<TransformerBlock> _blocks;
    [ComponentName(Name = "norm")]
    private readonly RmsNorm _norm;
    [ComponentName(Name = "projection")]
    private readonly MixedLinear _projection; // D -> D

    /// <param name="model">Sizes, kind of block and dropout.</param>
    /// <param name="embeddingStd">Standard deviation of the item table's first values.</param>
    public UserTower(ModelInfo model, double embeddingStd = 0.02)
        : base(nameof(UserTower))
    {
        ArgumentNullException.ThrowIfNull(model);
        if (Problem(model) is { } problem)
        {
            throw new ArgumentException(problem, nameof(model));
        }

        Model = model;
        _embedding = nn.Embedding(model.Items, model.Dimension);
        nn.init.normal_(_embedding.weight!, 0, embeddingStd);
        _blocks = nn.ModuleList([.. Enumerable.Range(0, model.Blocks).Select(_ => new TransformerBlock(model))]);
        _norm = new RmsNorm(model.Dimension);
        _projection = new MixedLinear(model.Dimension, model.Dimension, hasBias: true);
        RegisterComponents();
    }

    public ModelInfo Model { get; }

    /// <summary>[V, D] the item table as it is trained, not normalised.</summary>
    public Parameter ItemTable => _embedding.weight!;

    public Device Device => ItemTable.device;

    /// <summary>Draws the dropout of a training; without it nothing is dropped.</summary>
    public DropoutNoise? Noise { get; set; }

    /// <summary>Lets it multiply in bfloat16, or not; see <see cref="MixedLinear"/>.</summary>
    public void UseReducedPrecision(bool isReduced)
    {
        foreach (MixedLinear linear in modules().OfType<MixedLinear>())
        {
            linear.IsReduced = isReduced;
        }
    }

    /// <summary>User embeddings as they are served: of each sequence's last position only.</summary>
    /// <returns>[B, D], L2-normalised.</returns>
    public override Tensor forward(SequencePack pack)
    {
        ArgumentNullException.ThrowIfNull(pack);
        using var scope = NewDisposeScope();
        Tensor last = Hidden(pack).index_select(0, pack.LastPositions()); // [B, D]
        return Project(last).MoveToOuterDisposeScope();
    }

    /// <summary>The last block's output at every position.</summary>
    /// <returns>[P, D]</returns>
    public Tensor Hidden(SequencePack pack)
    {
        ArgumentNullException.ThrowIfNull(pack);
        using var scope = NewDisposeScope();
        BlockContext context = ContextOf(pack);
        Tensor x = context.Drop(Embed(pack), Model.Dropout); // [P, D]
        foreach (TransformerBlock block in _blocks)
        {
            x = block.forward(x, context); // [P, D]
        }

        return x.MoveToOuterDisposeScope();
    }

    /// <summary>Turns hidden states into user embeddings.</summary>
    /// <param name="hidden">[..., D]</param>
    /// <returns>[..., D], L2-normalised.</returns>
    public Tensor Project(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        Tensor projected = _projection.forward(_norm.Before(hidden)); // [..., D]
        return nn.functional.normalize(projected, 2, -1).MoveToOuterDisposeScope();
    }

    /// <summary>The item tower: [V, D], L2-normalised rows.</summary>
    public Tensor ItemEmbeddings() => nn.functional.normalize(ItemTable, 2, -1);

    private Tensor Embed(SequencePack pack)
    {
        Tensor x = _embedding.forward(pack.Rows); // [P, D]
        return pack.IsItem is null ? x : x * pack.IsItem; // an empty history reads as zeros
    }

    private BlockContext ContextOf(SequencePack pack)
    {
        DropoutNoise? noise = training && Model.Dropout > 0 ? Noise : null;
        if (Model.Positions != Positions.Rotary)
        {
            return new BlockContext(pack, noise, null, null);
        }

        (Tensor cos, Tensor sin) = RotaryEmbedding.Angles(pack.FromStart, Model.Dimension / Model.Heads, Model.RopeBase);
        return new BlockContext(pack, noise, cos, sin);
    }

    /// <summary>Why there can be no such network; null when there can.</summary>
    public static string? Problem(ModelInfo model)
    {
        ArgumentNullException.ThrowIfNull(model);
        bool isRotary = model.Positions == Positions.Rotary;
        int multiple = isRotary ? 2 * model.Heads : model.Heads;
        return model switch
        {
            _ when model.Dimension % multiple != 0 =>
                $"Dimension {model.Dimension} must be a multiple of {multiple}: {model.Heads} heads{(isRotary ? ", each rotated in halves" : "")}.",
            _ when !BlockKinds.All.Contains(model.Kind) => $"There is no block '{model.Kind}'; there are {string.Join(", ", BlockKinds.All)}.",
            _ when !Positions.All.Contains(model.Positions) => $"There are no positions '{model.Positions}'; there are {string.Join(", ", Positions.All)}.",
            { TimeBias: true } when model.Positions != Positions.Relative => "A time bias goes with relative positions.",
            _ => null,
        };
    }
}
