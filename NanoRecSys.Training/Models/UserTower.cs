using NanoRecSys.Training.Kernels;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>The retriever: causal blocks over a user's items, and the item table shared with the item tower. Its weights have the names of
/// <see cref="nn.Module.state_dict"/>: <c>embedding.weight</c>, <c>blocks.0.attn.qkv_proj.weight</c>, ...</summary>
/// <remarks>
/// Design choices:
/// <list type="bullet">
/// <item>sequences are packed end to end, P positions without padding</item>
/// <item>one item table for input and output; a score is the cosine of user and item, divided by a fixed temperature in the loss</item>
/// <item>rotary positions, or a learned bias by distance and, on request, by time; no absolute positions</item>
/// <item>pre-norm with RMSNorm; SwiGLU; no biases in the feed-forward layers</item>
/// <item>residual additions gated as in LiGR, or plain</item>
/// <item>initial scale of the layers that end a residual branch: 1 / sqrt(2N), as in GPT-2</item>
/// <item>content of items only in training; it is then added to the item table</item>
/// </list>
/// </remarks>
internal sealed class UserTower : RetrieverNetwork
{
    /// <summary>Name of the [V, D] item table among the weights.</summary>
    public const string ItemTableName = "embedding.weight";

    private const string ContentName = "content.weight";

    [ComponentName(Name = "embedding")]
    private readonly Embedding _embedding; // [V, D]
    [ComponentName(Name = "content")]
    private readonly ItemContent? _content;
    [ComponentName(Name = "blocks")]
    private readonly ModuleList<TransformerBlock> _blocks;
    [ComponentName(Name = "norm")]
    private readonly RmsNorm _norm;
    [ComponentName(Name = "projection")]
    private readonly MixedLinear _projection; // D -> D

    /// <param name="content">[V, F] what is known about the items, to train with (<see cref="ItemContent.FeaturesOf"/>); null for nothing.</param>
    public UserTower(ModelInfo model, double embeddingStd = 0.02, Tensor? content = null)
        : base(nameof(UserTower), model)
    {
        if (Problem(model) is { } problem)
        {
            throw new ArgumentException(problem, nameof(model));
        }

        _embedding = nn.Embedding(model.Items, model.Dimension);
        nn.init.normal_(_embedding.weight!, 0, embeddingStd);
        _content = content is null ? null : new ItemContent(content, model.Dimension, embeddingStd);
        _blocks = nn.ModuleList([.. Enumerable.Range(0, model.Blocks).Select(_ => new TransformerBlock(model))]);
        _norm = new RmsNorm(model.Dimension);
        _projection = new MixedLinear(model.Dimension, model.Dimension, hasBias: true);
        RegisterComponents();
    }

    public override Device Device => _embedding.weight!.device;

    /// <summary>[V, F] what is known about the items, in training; null for nothing.</summary>
    public Tensor? Content => _content?.Features;

    /// <summary>Draws the dropout masks in training; null for no dropout.</summary>
    public DropoutNoise? Noise { get; set; }

    /// <summary>User embeddings as served: only of each sequence's last position.</summary>
    /// <returns>[B, D], L2-normalized.</returns>
    public override Tensor forward(SequencePack pack)
    {
        using var scope = NewDisposeScope();
        Tensor last = Hidden(pack).index_select(0, pack.LastPositions()); // [B, D]
        return Project(last).MoveToOuterDisposeScope();
    }

    /// <summary>[V, D] the item table, not normalized; in training with the content.</summary>
    public Tensor ItemTable() => _content is null ? _embedding.weight!.alias() : _content.forward(_embedding.weight!);

    /// <inheritdoc cref="Hidden(SequencePack, Tensor)"/>
    public Tensor Hidden(SequencePack pack)
    {
        using Tensor table = ItemTable(); // [V, D]
        return Hidden(pack, table);
    }

    /// <summary>The last block's output at every position.</summary>
    /// <param name="table">[V, D] <see cref="ItemTable"/>.</param>
    /// <returns>[P, D]</returns>
    public Tensor Hidden(SequencePack pack, Tensor table)
    {
        using var scope = NewDisposeScope();
        BlockContext context = ContextOf(pack);
        Tensor x = context.Operations.Drop(Embed(pack, table), Model.Dropout, context.Noise); // [P, D]
        foreach (TransformerBlock block in _blocks)
        {
            x = block.forward(x, context); // [P, D]
        }

        return x.MoveToOuterDisposeScope();
    }

    /// <param name="hidden">[..., D]</param>
    /// <returns>[..., D], L2-normalized.</returns>
    public Tensor Project(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        Tensor projected = _projection.Apply(_norm.Apply(hidden, Operations), Operations); // [..., D]
        return Normalize(projected).MoveToOuterDisposeScope();
    }

    public override Tensor LastEmbeddings(SequencePack pack, int positions)
    {
        using var scope = NewDisposeScope();
        return Project(Hidden(pack)[^positions..]).MoveToOuterDisposeScope(); // [L, D] -> [M, D]
    }

    public override Tensor ItemEmbeddings()
    {
        using Tensor table = ItemTable(); // [V, D]
        return Normalize(table);
    }

    /// <summary>Item embeddings of a table, or user embeddings.</summary>
    public static Tensor Normalize(Tensor rows) => nn.functional.normalize(rows, 2, -1);

    public override IReadOnlyList<NamedTensor> Weights()
    {
        using var noGradient = no_grad();
        using Tensor table = ItemTable();
        return [.. NetworkWeights.Of(this).Where(tensor => tensor.Name != ContentName).Select(tensor => tensor.Name == ItemTableName ? NetworkWeights.Of(tensor.Name, table) : tensor)];
    }

    /// <summary>Sets the weights to <see cref="Weights"/> of a tower of the same sizes. Further training adapts the content, which starts at zero.</summary>
    public void Load(IReadOnlyDictionary<string, NamedTensor> weights)
    {
        if (_content is not null)
        {
            long[] shape = [_content.Features.shape[1], Model.Dimension];
            weights = new Dictionary<string, NamedTensor>(weights) { [ContentName] = new(ContentName, shape, new float[shape[0] * shape[1]]) };
        }

        NetworkWeights.Load(this, weights);
    }

    private Tensor Embed(SequencePack pack, Tensor table)
    {
        Tensor x = _content is null ? _embedding.forward(pack.Rows) : table.index_select(0, pack.Rows); // [P, D]
        return pack.IsItem is null ? x : x * pack.IsItem; // an empty history is all zeros
    }

    private BlockContext ContextOf(SequencePack pack)
    {
        DropoutNoise? noise = training && Model.Dropout > 0 ? Noise : null;
        if (Model.Positions != Positions.Rotary)
        {
            return new BlockContext(Operations, pack, noise, null, null);
        }

        (Tensor cos, Tensor sin) = RotaryEmbedding.Angles(pack.FromStart, Model.Dimension / Model.Heads, Model.RopeBase);
        return new BlockContext(Operations, pack, noise, cos, sin);
    }

    /// <summary>Why the sizes are invalid; null if they are valid.</summary>
    public static string? Problem(ModelInfo model)
    {
        bool isRotary = model.Positions == Positions.Rotary;
        int multiple = isRotary ? 2 * model.Heads : model.Heads;
        return model switch
        {
            _ when model.Dimension % multiple != 0 =>
                $"Dimension {model.Dimension} must be a multiple of {multiple}: {model.Heads} heads{(isRotary ? ", each rotated in halves" : "")}.",
            _ when !BlockKinds.All.Contains(model.Kind) => $"Unknown block '{model.Kind}'. Blocks: {string.Join(", ", BlockKinds.All)}.",
            _ when !Positions.All.Contains(model.Positions) => $"Unknown positions '{model.Positions}'. Positions: {string.Join(", ", Positions.All)}.",
            { Members: < 1 } => $"It has {model.Members} members.",
            { TimeBias: true } when model.Positions != Positions.Relative => "A time bias needs relative positions.",
            _ => null,
        };
    }
}

/// <summary>Pre-norm block: x + Drop(Attention(Norm(x))), then x + Drop(SwiGLU(Norm(x))). With gates, each addition is weighted by sigmoid(W x), as in
/// LiGR (Borisyuk et al., 2024), which keeps deep stacks trainable.</summary>
internal sealed class TransformerBlock : nn.Module<Tensor, BlockContext, Tensor>
{
    [ComponentName(Name = "norm1")]
    private readonly RmsNorm _norm1;
    [ComponentName(Name = "attn")]
    private readonly CausalSelfAttention _attention;
    [ComponentName(Name = "norm2")]
    private readonly RmsNorm _norm2;
    [ComponentName(Name = "mlp")]
    private readonly SwiGlu _mlp;
    [ComponentName(Name = "gate1")]
    private readonly MixedLinear? _gate1; // D -> D
    [ComponentName(Name = "gate2")]
    private readonly MixedLinear? _gate2; // D -> D
    private readonly double _dropout;

    public TransformerBlock(ModelInfo model)
        : base(nameof(TransformerBlock))
    {
        // 2N outputs are added to the residual stream; with this scale, its variance does not grow with depth (GPT-2).
        double outputGain = 1 / Math.Sqrt(2 * model.Blocks);
        _norm1 = new RmsNorm(model.Dimension);
        _attention = new CausalSelfAttention(model, outputGain);
        _norm2 = new RmsNorm(model.Dimension);
        _mlp = new SwiGlu(model, outputGain);
        if (model.Kind == BlockKinds.Gated)
        {
            _gate1 = new MixedLinear(model.Dimension, model.Dimension, hasBias: true);
            _gate2 = new MixedLinear(model.Dimension, model.Dimension, hasBias: true);
        }

        _dropout = model.Dropout;
        RegisterComponents();
    }

    /// <param name="x">[P, D]</param>
    /// <returns>[P, D]</returns>
    public override Tensor forward(Tensor x, BlockContext context)
    {
        using var scope = NewDisposeScope();
        Tensor attended = Add(x, _attention.forward(_norm1.Apply(x, context.Operations, _attention.IsReduced), context), _gate1, context); // [P, D]
        Tensor transformed = Add(attended, _mlp.forward(_norm2.Apply(attended, context.Operations, _mlp.IsReduced), context), _gate2, context); // [P, D]
        return transformed.MoveToOuterDisposeScope();
    }

    private Tensor Add(Tensor x, Tensor update, MixedLinear? gate, BlockContext context) =>
        context.Operations.Add(x, update, gate?.Apply(x, context.Operations), _dropout, context.Noise);
}

/// <param name="Noise">Draws the dropout; null for no dropout.</param>
/// <param name="Cos">[P, d] of each position's rotation; only with rotary positions.</param>
/// <param name="Sin">[P, d]</param>
internal sealed record BlockContext(NetworkOperations Operations, SequencePack Pack, DropoutNoise? Noise, Tensor? Cos, Tensor? Sin);

/// <summary>Multi-head attention of each position over itself and earlier ones.</summary>
internal sealed class CausalSelfAttention : nn.Module<Tensor, BlockContext, Tensor>
{
    [ComponentName(Name = "qkv_proj")]
    private readonly MixedLinear _qkv; // D -> 3D: queries, keys, values
    [ComponentName(Name = "out_proj")]
    private readonly MixedLinear _out; // D -> D
    [ComponentName(Name = "bias")]
    private readonly RelativeBias? _bias;
    private readonly AttentionShape _shape;

    /// <param name="model">D is a multiple of the number of heads.</param>
    public CausalSelfAttention(ModelInfo model, double outputGain)
        : base(nameof(CausalSelfAttention))
    {
        _shape = new AttentionShape(model.Heads, model.Dropout);
        _qkv = new MixedLinear(model.Dimension, 3 * model.Dimension, hasBias: true);
        _out = new MixedLinear(model.Dimension, model.Dimension, hasBias: true, outputGain);
        _bias = model.Positions == Positions.Relative ? new RelativeBias(model) : null;
        RegisterComponents();
    }

    public bool IsReduced => _qkv.IsReduced;

    /// <param name="x">[P, D]</param>
    /// <returns>[P, D]</returns>
    public override Tensor forward(Tensor x, BlockContext context)
    {
        using var scope = NewDisposeScope();
        Tensor qkv = _qkv.Apply(x, context.Operations); // [P, 3D]
        if (context.Cos is not null)
        {
            qkv = RotaryEmbedding.RotateQueriesAndKeys(qkv, context.Cos, context.Sin!, _shape.Heads); // [P, 3D]
        }

        Tensor mixed = context.Operations.Attention(_shape, qkv, _bias?.Tables, context.Pack, context.Noise); // [P, D]
        return _out.Apply(mixed, context.Operations).MoveToOuterDisposeScope();
    }
}

/// <summary>Rotary position embedding in the rotate-half form (Su et al., 2021): attention depends only on the distance of two items, so the offset of
/// a sequence does not matter.</summary>
internal static class RotaryEmbedding
{
    /// <summary>[d / 2], in float32 as in the network: at position 200 the rounding is visible.</summary>
    public static float[] Frequencies(int headDimension, double ropeBase) =>
        [.. Enumerable.Range(0, headDimension / 2).Select(i => 1f / MathF.Pow((float)ropeBase, 2f * i / headDimension))];

    /// <summary>Cosines and sines, each [P, headDimension].</summary>
    /// <param name="positions">[P] int64</param>
    public static (Tensor Cos, Tensor Sin) Angles(Tensor positions, int headDimension, double ropeBase)
    {
        using var scope = NewDisposeScope();
        Tensor frequencies = tensor(Frequencies(headDimension, ropeBase), device: positions.device); // [d / 2]
        Tensor angles = outer(positions.to(float32), frequencies); // [P, d / 2]
        Tensor both = cat([angles, angles], -1); // [P, d]
        return (both.cos().MoveToOuterDisposeScope(), both.sin().MoveToOuterDisposeScope());
    }

    /// <param name="qkv">[P, 3D]</param>
    /// <param name="cos">[P, d]</param>
    /// <param name="sin">[P, d]</param>
    /// <returns>[P, 3D], the values unchanged.</returns>
    public static Tensor RotateQueriesAndKeys(Tensor qkv, Tensor cos, Tensor sin, int heads)
    {
        using var scope = NewDisposeScope();
        long width = qkv.shape[1] / 3;
        Tensor[] parts = qkv.split([2 * width, width], 1); // [P, 2D], [P, D]
        Tensor x = parts[0].view(-1, 2 * heads, width / heads); // [P, 2H, d]
        Tensor[] halves = x.chunk(2, -1); // 2 x [P, 2H, d / 2]
        Tensor turned = (x * cos.unsqueeze(1)).Plus(cat([-halves[1], halves[0]], -1) * sin.unsqueeze(1)); // [P, 2H, d]
        return cat([turned.view(-1, 2 * width), parts[1]], 1).MoveToOuterDisposeScope();
    }
}

/// <summary>A layer's learned bias by distance in items and, with a time bias, in time; initially zero.</summary>
internal sealed class RelativeBias : nn.Module
{
    [ComponentName(Name = "distance")]
    private readonly Parameter _distance; // [H, L]
    [ComponentName(Name = "time")]
    private readonly Parameter? _time; // [H, T]

    public RelativeBias(ModelInfo model)
        : base(nameof(RelativeBias))
    {
        _distance = new Parameter(zeros(model.Heads, model.MaxLength));
        if (model.TimeBias)
        {
            _time = new Parameter(zeros(model.Heads, TimeBuckets.Count));
        }

        RegisterComponents();
    }

    public BiasTables Tables => new(_distance, _time);
}

/// <summary>Gated feed-forward layer (Shazeer, 2020): silu(gate) * value, projected back.</summary>
internal sealed class SwiGlu : nn.Module<Tensor, BlockContext, Tensor>
{
    [ComponentName(Name = "w_gate_val")]
    private readonly MixedLinear _gateAndValue; // D -> 2F, the gate's rows first
    [ComponentName(Name = "w_2")]
    private readonly MixedLinear _out; // F -> D
    private readonly double _dropout;

    public SwiGlu(ModelInfo model, double outputGain)
        : base(nameof(SwiGlu))
    {
        _gateAndValue = new MixedLinear(model.Dimension, 2 * model.FeedForward, hasBias: false);
        _out = new MixedLinear(model.FeedForward, model.Dimension, hasBias: false, outputGain);
        _dropout = model.Dropout;
        RegisterComponents();
    }

    public bool IsReduced => _gateAndValue.IsReduced;

    /// <param name="x">[P, D]</param>
    /// <returns>[P, D] in bfloat16 if the products are.</returns>
    public override Tensor forward(Tensor x, BlockContext context)
    {
        using var scope = NewDisposeScope();
        Tensor gated = context.Operations.SwiGlu(_gateAndValue.Product(x), _dropout, context.Noise); // [P, 2F] -> [P, F]
        return _out.Product(gated).MoveToOuterDisposeScope(); // [P, D]
    }
}

/// <summary>Root-mean-square norm: x / sqrt(mean(x²) + eps) * weight (Zhang and Sennrich, 2019).</summary>
internal sealed class RmsNorm : nn.Module
{
    public const double Epsilon = 1e-6;

    [ComponentName(Name = "weight")]
    private readonly Parameter _weight; // [D]

    public RmsNorm(int dimension)
        : base(nameof(RmsNorm))
    {
        _weight = new Parameter(ones(dimension));
        RegisterComponents();
    }

    /// <param name="x">[P, D]</param>
    /// <param name="isReduced">Whether a bfloat16 product follows.</param>
    public Tensor Apply(Tensor x, NetworkOperations operations, bool isReduced = false) => operations.Norm(x, _weight, isReduced);
}
