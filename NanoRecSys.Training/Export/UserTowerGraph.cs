using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Training.Export;

/// <summary>The trained user tower as an ONNX graph: <c>tokens</c> int64 [batch, length] (0 is padding, on the left) -> <c>user_embedding</c> float32
/// [batch, E], L2-normalized. A network with a time bias also reads <c>times</c> int64 [batch, length] and <c>now</c> int64 [batch], in seconds. Only
/// the last position is served, so the last block outputs only that one.</summary>
internal static class UserTowerGraph
{
    /// <exception cref="InvalidDataException">A tensor is missing or does not fit the configuration.</exception>
    public static void Write(string path, ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights, bool isInt8 = false)
    {
        var graph = new OnnxGraph("user_tower");
        TowerInputs inputs = TowerInputs.Of(graph, model);
        OnnxValue[] members = [.. Enumerable.Range(0, model.Members ?? 1).Select(member =>
        {
            graph.Prefix = model.Members is null ? "" : MemberWeights.Prefix(member);
            graph.IsInt8 = isInt8;
            return Member(graph, model, new CheckedWeights(weights.OfMember(model, member)), inputs); // [B, D]
        })];
        graph.Output(OnnxUserTower.EmbeddingOutput, Join(graph, members), DataType.Float, "batch", model.EmbeddingDimension);
        graph.Save(path);
    }

    private static OnnxValue Member(OnnxGraph graph, ModelInfo model, CheckedWeights state, TowerInputs inputs)
    {
        OnnxValue user = graph.IsInt8 && FusedTransformer.Fits(model)
            ? graph.Squeeze(new FusedTransformer(graph, model, state).Blocks(Embed(graph, model, state, inputs.Tokens)), 1)
            : Blocks(graph, model, state, inputs, isPadded: !graph.IsInt8); // [B, D]
        return Head(graph, model, state, user);
    }

    /// <summary>M times [B, D] -> [B, M * D], as <see cref="ConcatenatedTowers"/> does.</summary>
    private static OnnxValue Join(OnnxGraph graph, OnnxValue[] members)
    {
        (graph.Prefix, graph.Scope) = ("", "members");
        return members.Length == 1 ? members[0] : graph.Multiply(graph.Concat(-1, members), graph.ScalarConstant(1 / MathF.Sqrt(members.Length)));
    }

    private static OnnxValue Blocks(OnnxGraph graph, ModelInfo model, CheckedWeights state, TowerInputs inputs, bool isPadded)
    {
        TransformerTowerBlock block = Block(graph, model, state, inputs, isPadded);
        OnnxValue x = Embed(graph, model, state, inputs.Tokens); // [B, L, D]
        for (int i = 0; i < model.Blocks - 1; i++)
        {
            x = block.EveryPosition(i, x); // [B, L, D]
        }

        return block.LastPosition(model.Blocks - 1, x); // [B, L, D] -> [B, D]
    }

    /// <summary>[B, D] -> [B, D], L2-normalized; always in 32 bits, since it is one row.</summary>
    internal static OnnxValue Head(OnnxGraph graph, ModelInfo model, CheckedWeights state, OnnxValue x)
    {
        graph.Scope = "head";
        graph.IsInt8 = false;
        x = graph.RmsNorm(x, state, "norm", model.Dimension);
        return graph.L2Normalize(graph.Linear(x, state.Linear("projection", model.Dimension, model.Dimension, bias: true)));
    }

    internal static TransformerTowerBlock Block(OnnxGraph graph, ModelInfo model, CheckedWeights state, TowerInputs inputs, bool isPadded)
    {
        RotaryTables? rotary = model.Positions == Positions.Rotary ? RotaryTables.Build(graph, model, inputs.Tokens) : null;
        RelativeBiases? biases = model.Positions == Positions.Relative ? RelativeBiases.Build(graph, inputs.Tokens, inputs.Times, inputs.Now) : null;
        AttentionMasks masks = AttentionMasks.Build(graph, inputs.Tokens, isPadded);
        return new TransformerTowerBlock(graph, model, state, new TowerAttention(graph, model, state, masks, rotary, biases));
    }

    internal static OnnxValue Embed(OnnxGraph graph, ModelInfo model, CheckedWeights state, OnnxValue tokens)
    {
        graph.Scope = "embedding";
        float[] items = state.Get("embedding.weight", model.Items, model.Dimension);
        float[] table = [.. new float[model.Dimension], .. items]; // the padding token's row is zeros
        return graph.Gather(graph.Initializer("embedding.padded", table, model.Items + 1, model.Dimension), tokens); // [V + 1, D], [B, L] -> [B, L, D]
    }
}

/// <param name="Tokens">int64 [B, L]</param>
/// <param name="Times">int64 [B, L]; null without a time bias.</param>
/// <param name="Now">int64 [B]; null without a time bias.</param>
internal sealed record TowerInputs(OnnxValue Tokens, OnnxValue? Times, OnnxValue? Now)
{
    public static TowerInputs Of(OnnxGraph graph, ModelInfo model) => new(
        graph.Input(OnnxUserTower.TokensInput, DataType.Int64, "batch", "length"),
        model.TimeBias ? graph.Input(OnnxUserTower.TimesInput, DataType.Int64, "batch", "length") : null,
        model.TimeBias ? graph.Input(OnnxUserTower.NowInput, DataType.Int64, "batch") : null);
}

/// <summary>One block of the user tower in the exported graph: x + Attention(RMSNorm(x)), then x + SwiGLU(RMSNorm(x)), each addition gated
/// if the network has gates; width D, hidden width F. Dropout is only for training.</summary>
internal sealed class TransformerTowerBlock(OnnxGraph graph, ModelInfo model, CheckedWeights state, TowerAttention attention)
{
    private readonly int _width = model.Dimension; // D

    /// <summary>[B, L, D] -> [B, L, D]</summary>
    public OnnxValue EveryPosition(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}.attn";
        OnnxValue normed = graph.RmsNorm(x, state, $"blocks.{block}.norm1", _width);
        OnnxValue merged = attention.EveryPosition($"blocks.{block}.attn.bias", graph.Linear(normed, QueryKeyValue(state, model, block))); // [B, L, D]
        return FeedForward(block, Add(block, "gate1", x, graph.Linear(merged, AttentionOutput(state, model, block))));
    }

    /// <summary>[B, L, D] -> [B, D]: keys and values of every position; the query and everything after it only for the last.</summary>
    public OnnxValue LastPosition(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}.attn";
        OnnxValue last = graph.ScalarConstant(-1L);
        LinearWeights all = QueryKeyValue(state, model, block);
        OnnxValue normed = graph.RmsNorm(x, state, $"blocks.{block}.norm1", _width);
        OnnxValue query = graph.Linear(graph.Gather(normed, last, axis: 1), all.OutputRows($"{all.Name}.q", 0, _width)); // [B, D]
        OnnxValue keys = graph.Linear(normed, all.OutputRows($"{all.Name}.k", _width, _width)); // [B, L, D]
        OnnxValue values = graph.Linear(normed, all.OutputRows($"{all.Name}.v", 2 * _width, _width)); // [B, L, D]
        OnnxValue merged = attention.LastPosition($"blocks.{block}.attn.bias", query, keys, values); // [B, D]
        return FeedForward(block, Add(block, "gate1", graph.Gather(x, last, axis: 1), graph.Linear(merged, AttentionOutput(state, model, block))));
    }

    /// <summary>[..., D] -> [..., D] with the residual.</summary>
    private OnnxValue FeedForward(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}.mlp";
        int hidden = model.FeedForward;
        OnnxValue normed = graph.RmsNorm(x, state, $"blocks.{block}.norm2", _width);
        LinearWeights gateAndValue = state.Linear($"blocks.{block}.mlp.w_gate_val", _width, 2 * hidden, bias: false);
        OnnxValue gate = graph.Linear(normed, gateAndValue.OutputRows($"{gateAndValue.Name}.gate", 0, hidden)); // [..., F]
        OnnxValue value = graph.Linear(normed, gateAndValue.OutputRows($"{gateAndValue.Name}.value", hidden, hidden)); // [..., F]
        OnnxValue gated = graph.Multiply(graph.Silu(gate), value);
        return Add(block, "gate2", x, graph.Linear(gated, state.Linear($"blocks.{block}.mlp.w_2", hidden, _width, bias: false)));
    }

    private OnnxValue Add(int block, string gate, OnnxValue x, OnnxValue update)
    {
        if (model.Kind == BlockKinds.Gated)
        {
            OnnxValue opened = graph.Node("Sigmoid", [graph.Linear(x, state.Linear($"blocks.{block}.{gate}", _width, _width, bias: true))]);
            update = graph.Multiply(opened, update);
        }

        return graph.Add(x, update);
    }

    /// <summary>The projection to q, k and v, with the scores' 1/sqrt(d) already in q's rows.</summary>
    public static LinearWeights QueryKeyValue(CheckedWeights state, ModelInfo model, int block)
    {
        int width = model.Dimension;
        LinearWeights trained = state.Linear($"blocks.{block}.attn.qkv_proj", width, 3 * width, bias: true);
        var scale = new float[3 * width];
        scale.AsSpan(0, width).Fill(1 / MathF.Sqrt((float)width / model.Heads));
        scale.AsSpan(width).Fill(1);
        return trained.ThenScale(scale, new float[3 * width]);
    }

    public static LinearWeights AttentionOutput(CheckedWeights state, ModelInfo model, int block) =>
        state.Linear($"blocks.{block}.attn.out_proj", model.Dimension, model.Dimension, bias: true);
}

/// <summary>Causal attention in the exported graph; B sequences of length L, H heads of width d.</summary>
internal sealed class TowerAttention(
    OnnxGraph graph, ModelInfo model, CheckedWeights state, AttentionMasks masks, RotaryTables? rotary, RelativeBiases? biases)
{
    private readonly int _width = model.Dimension; // D
    private readonly int _headWidth = model.Dimension / model.Heads; // d

    /// <param name="qkv">[B, L, 3D]; scaled queries.</param>
    /// <returns>[B, L, D]</returns>
    public OnnxValue EveryPosition(string name, OnnxValue qkv)
    {
        OnnxValue[] projected = graph.Split(qkv, -1, 2 * _width, _width); // [B, L, 2D], [B, L, D]
        OnnxValue queriesAndKeys = Turn(Heads(projected[0], 2 * model.Heads)); // rotated together: half as many operators
        OnnxValue[] turned = graph.Split(queriesAndKeys, 2, model.Heads, model.Heads); // [B, L, H, d] each
        OnnxValue attended = Attend(
            name, graph.Transpose(turned[0], 0, 2, 1, 3), // [B, H, L, d]
            turned[1], Heads(projected[1], model.Heads), masks.PaddingAndFuture, isLast: false);
        return graph.Reshape(graph.Transpose(attended, 0, 2, 1, 3), 0, 0, _width); // [B, H, L, d] -> [B, L, D]
    }

    /// <param name="query">[B, D] of the last position, scaled.</param>
    /// <param name="keys">[B, L, D]</param>
    /// <param name="values">[B, L, D]</param>
    /// <returns>[B, D]</returns>
    public OnnxValue LastPosition(string name, OnnxValue query, OnnxValue keys, OnnxValue values)
    {
        OnnxValue queries = graph.Reshape(query, 0, 1, model.Heads, _headWidth); // [B, 1, H, d]
        queries = rotary is null ? queries : rotary.Last(graph).Rotate(graph, queries, _headWidth);
        OnnxValue attended = Attend(
            name, graph.Reshape(queries, 0, model.Heads, 1, _headWidth), // [B, H, 1, d]
            Turn(Heads(keys, model.Heads)), Heads(values, model.Heads), masks.Padding, isLast: true);
        return graph.Reshape(attended, 0, _width); // [B, H, 1, d] -> [B, D]
    }

    /// <summary>[B, H, Q, d], [B, L, H, d], [B, L, H, d] -> [B, H, Q, d]</summary>
    private OnnxValue Attend(string name, OnnxValue queries, OnnxValue keys, OnnxValue values, OnnxValue? mask, bool isLast)
    {
        OnnxValue scores = graph.MatMul(queries, graph.Transpose(keys, 0, 2, 3, 1)); // [B, H, Q, L]
        if (biases is not null)
        {
            scores = graph.Add(scores, biases.Of(graph, state, name, model, isLast));
        }

        OnnxValue weights = graph.Softmax(mask is { } masked ? graph.Add(scores, masked) : scores);
        return graph.MatMul(weights, graph.Transpose(values, 0, 2, 1, 3));
    }

    private OnnxValue Turn(OnnxValue x) => rotary is null ? x : rotary.Rotate(graph, x, _headWidth);

    private OnnxValue Heads(OnnxValue x, int heads) => graph.Reshape(x, 0, 0, heads, _headWidth); // [B, L, H * d] -> [B, L, H, d]
}

/// <summary>Masks that hide padding and the future from a position: numbers added to the scores before softmax.</summary>
/// <param name="Padding">[B, 1, 1, L], enough for the last position; null without padding.</param>
/// <param name="PaddingAndFuture">[B, 1, L, L], or [L, L] without padding.</param>
internal sealed record AttentionMasks(OnnxValue? Padding, OnnxValue PaddingAndFuture)
{
    /// <summary>Finite on purpose: softmax over a row of only -infinity is NaN, and left padding has such rows. It is large enough that
    /// masked positions get exactly zero.</summary>
    private const float Masked = -1e9f;

    /// <param name="tokens">[B, L]</param>
    public static AttentionMasks Build(OnnxGraph graph, OnnxValue tokens, bool isPadded)
    {
        graph.Scope = "mask";
        OnnxValue positions = Positions(graph, tokens); // [L]
        OnnxValue isFuture = graph.Node("Greater", [positions, graph.Unsqueeze(positions, 1)]); // [L], [L, 1] -> [L, L]
        if (!isPadded)
        {
            return new AttentionMasks(null, Numbers(graph, isFuture));
        }

        OnnxValue isPadding = graph.Unsqueeze(graph.Node("Equal", [tokens, graph.ScalarConstant(0L)]), 1, 2); // [B, L] -> [B, 1, 1, L]
        return new AttentionMasks(Numbers(graph, isPadding), Numbers(graph, graph.Node("Or", [isPadding, isFuture])));
    }

    /// <summary>[L] positions 0, 1, ...</summary>
    public static OnnxValue Positions(OnnxGraph graph, OnnxValue tokens) =>
        graph.Node("Range", [graph.ScalarConstant(0L), Length(graph, tokens), graph.ScalarConstant(1L)]);

    /// <summary>[L] ..., 1, 0: number of items after each one.</summary>
    public static OnnxValue FromEnd(OnnxGraph graph, OnnxValue tokens)
    {
        OnnxValue last = graph.Subtract(Length(graph, tokens), graph.ScalarConstant(1L));
        return graph.Subtract(last, Positions(graph, tokens));
    }

    private static OnnxValue Numbers(OnnxGraph graph, OnnxValue isMasked) =>
        graph.Node("Where", [isMasked, graph.ScalarConstant(Masked), graph.ScalarConstant(0f)]);

    private static OnnxValue Length(OnnxGraph graph, OnnxValue tokens) =>
        graph.Gather(graph.Node("Shape", [tokens]), graph.ScalarConstant(1L)); // scalar
}

/// <summary>Rotary position embedding (Su et al., 2021), rotate-half form: the pair (a, b) of a head's halves at position p becomes (a cos - b sin,
/// b cos + a sin). Scores then depend only on distances, so padding on the left does not change them.</summary>
/// <param name="Cos">[L, 1, d / 2] for heads of width d.</param>
/// <param name="Sin">[L, 1, d / 2]</param>
internal sealed record RotaryTables(OnnxValue Cos, OnnxValue Sin)
{
    public static RotaryTables Build(OnnxGraph graph, ModelInfo model, OnnxValue tokens)
    {
        graph.Scope = "rope";
        OnnxValue positions = AttentionMasks.Positions(graph, tokens);
        (OnnxValue cos, OnnxValue sin) = Tables(graph, model);
        return new RotaryTables(graph.Unsqueeze(graph.Gather(cos, positions), 1), graph.Unsqueeze(graph.Gather(sin, positions), 1));
    }

    /// <summary>cos and sin of every position: [max L, d / 2] each.</summary>
    public static (OnnxValue Cos, OnnxValue Sin) Tables(OnnxGraph graph, ModelInfo model)
    {
        float[] frequencies = RotaryEmbedding.Frequencies(model.Dimension / model.Heads, model.RopeBase);
        int half = frequencies.Length;
        var cos = new float[model.MaxLength * half];
        var sin = new float[model.MaxLength * half];
        for (int position = 0; position < model.MaxLength; position++)
        {
            for (int i = 0; i < half; i++)
            {
                (sin[position * half + i], cos[position * half + i]) = MathF.SinCos(position * frequencies[i]);
            }
        }

        return (graph.Initializer("rope.cos", cos, model.MaxLength, half), graph.Initializer("rope.sin", sin, model.MaxLength, half));
    }

    /// <summary>The row of the last position: [1, d / 2].</summary>
    public RotaryTables Last(OnnxGraph graph)
    {
        OnnxValue last = graph.ScalarConstant(-1L);
        return new RotaryTables(graph.Gather(Cos, last), graph.Gather(Sin, last));
    }

    /// <summary>[B, L, heads, d] -> the same shape, rotated.</summary>
    public OnnxValue Rotate(OnnxGraph graph, OnnxValue x, int headWidth)
    {
        OnnxValue[] halves = graph.Split(x, -1, headWidth / 2, headWidth / 2);
        (OnnxValue a, OnnxValue b) = (halves[0], halves[1]);
        return graph.Concat(-1,
            graph.Subtract(graph.Multiply(a, Cos), graph.Multiply(b, Sin)),
            graph.Add(graph.Multiply(b, Cos), graph.Multiply(a, Sin)));
    }
}

/// <summary>The biases that each block adds to its scores for the number of items, and the time, between two positions.</summary>
/// <param name="Between">int64 [L, L]: items from j to i; 0 if j is later.</param>
/// <param name="BetweenLast">int64 [1, L]: the same for the last position.</param>
/// <param name="Buckets">int64 [B, L, L] of <see cref="TimeBuckets"/>; null without a time bias.</param>
/// <param name="BucketsOfLast">int64 [B, 1, L]</param>
internal sealed record RelativeBiases(OnnxValue Between, OnnxValue BetweenLast, OnnxValue? Buckets, OnnxValue? BucketsOfLast)
{
    /// <param name="tokens">[B, L]</param>
    /// <param name="times">int64 [B, L] in seconds, arbitrary at padding; null without a time bias.</param>
    /// <param name="now">int64 [B] seconds; null without a time bias.</param>
    public static RelativeBiases Build(OnnxGraph graph, OnnxValue tokens, OnnxValue? times, OnnxValue? now)
    {
        graph.Scope = "bias";
        OnnxValue positions = AttentionMasks.Positions(graph, tokens); // [L]
        OnnxValue between = graph.Max(graph.Subtract(graph.Unsqueeze(positions, 1), positions), graph.ScalarConstant(0L)); // [L, L]
        OnnxValue betweenLast = graph.Unsqueeze(AttentionMasks.FromEnd(graph, tokens), 0); // [1, L]
        if (times is not { } met || now is not { } asked)
        {
            return new RelativeBiases(between, betweenLast, null, null);
        }

        OnnxValue columns = graph.Unsqueeze(met, 1); // [B, 1, L]
        return new RelativeBiases(
            between, betweenLast,
            ToBuckets(graph, graph.Subtract(graph.Unsqueeze(Asked(graph, met, asked), 2), columns)),
            ToBuckets(graph, graph.Subtract(graph.Unsqueeze(asked, 1, 2), columns)));
    }

    /// <returns>[B or 1, H, L, L], or [B or 1, H, 1, L] of the last position alone.</returns>
    public OnnxValue Of(OnnxGraph graph, CheckedWeights state, string name, ModelInfo model, bool isLast)
    {
        float[] distance = state.Get($"{name}.distance", model.Heads, model.MaxLength);
        OnnxValue table = graph.Initializer($"{name}.distance", distance, model.Heads, model.MaxLength);
        OnnxValue bias = graph.Unsqueeze(graph.Gather(table, isLast ? BetweenLast : Between, axis: 1), 0); // [1, H, Q, L]
        if ((isLast ? BucketsOfLast : Buckets) is not { } buckets)
        {
            return bias;
        }

        float[] time = state.Get($"{name}.time", model.Heads, TimeBuckets.Count);
        OnnxValue byTime = graph.Gather(graph.Initializer($"{name}.time", time, model.Heads, TimeBuckets.Count), buckets, axis: 1); // [H, B, Q, L]
        return graph.Add(bias, graph.Transpose(byTime, 1, 0, 2, 3));
    }

    /// <summary>[B, L] time of the prediction at each position: the next item's time; now for the last one.</summary>
    private static OnnxValue Asked(OnnxGraph graph, OnnxValue times, OnnxValue now)
    {
        OnnxValue next = graph.Node("Slice", [times, graph.Constant(1), graph.Constant(long.MaxValue), graph.Constant(1)]); // [B, L - 1]
        return graph.Concat(1, next, graph.Unsqueeze(now, 1));
    }

    // In doubles, as in training: in single precision, a span of years would fall into a neighboring bucket.
    private static OnnxValue ToBuckets(OnnxGraph graph, OnnxValue spans)
    {
        OnnxValue seconds = graph.Cast(graph.Max(spans, graph.ScalarConstant(1L)), TensorProto.Types.DataType.Double);
        OnnxValue bucket = graph.Cast(graph.Divide(graph.Node("Log", [seconds]), graph.ScalarConstant(TimeBuckets.Width)), TensorProto.Types.DataType.Int64);
        return graph.Node("Min", [bucket, graph.ScalarConstant(TimeBuckets.Count - 1L)]);
    }
}

/// <summary>A linear layer's parameters in PyTorch's layout: y = x W^T + b.</summary>
/// <param name="Name">Prefix of the parameters in the state dictionary.</param>
/// <param name="Weight">[Out, In], row-major.</param>
/// <param name="Bias">[Out], or null.</param>
internal sealed record LinearWeights(string Name, float[] Weight, float[]? Bias, int In, int Out)
{
    /// <summary>[In, Out], so that the graph multiplies without transposing at run time.</summary>
    public float[] Transposed()
    {
        var transposed = new float[Weight.Length];
        for (int row = 0; row < Out; row++)
        {
            for (int column = 0; column < In; column++)
            {
                transposed[column * Out + row] = Weight[row * In + column];
            }
        }

        return transposed;
    }

    /// <summary>The layer with only the outputs <paramref name="first"/>..+<paramref name="count"/>.</summary>
    public LinearWeights OutputRows(string name, int first, int count) =>
        new(name, Weight[(first * In)..((first + count) * In)], Bias?[first..(first + count)], In, count);

    /// <summary>The layer with only the inputs <paramref name="first"/>..+<paramref name="count"/>, with or without the bias.</summary>
    public LinearWeights InputColumns(string name, int first, int count, bool keepBias)
    {
        var columns = new float[Out * count];
        for (int row = 0; row < Out; row++)
        {
            Weight.AsSpan(row * In + first, count).CopyTo(columns.AsSpan(row * count));
        }

        return new(name, columns, keepBias ? Bias : null, count, Out);
    }

    /// <summary>The layer followed by y * scale + shift, as one layer.</summary>
    /// <param name="scale">[Out]</param>
    /// <param name="shift">[Out]</param>
    public LinearWeights ThenScale(ReadOnlySpan<float> scale, ReadOnlySpan<float> shift)
    {
        float[] weight = [.. Weight];
        var bias = new float[Out];
        for (int row = 0; row < Out; row++)
        {
            foreach (ref float value in weight.AsSpan(row * In, In))
            {
                value *= scale[row];
            }

            bias[row] = (Bias?[row] ?? 0) * scale[row] + shift[row];
        }

        return this with { Weight = weight, Bias = bias };
    }
}

/// <summary>A trained network's tensors by PyTorch's names, each checked against the configuration's shape.</summary>
internal sealed class CheckedWeights(IReadOnlyDictionary<string, NamedTensor> tensors)
{
    /// <exception cref="InvalidDataException">Missing, or of another shape.</exception>
    public float[] Get(string name, params ReadOnlySpan<long> shape)
    {
        InvalidDataException.ThrowIf(!tensors.TryGetValue(name, out NamedTensor? tensor), $"The weights have no '{name}': they belong to another configuration.");

        return tensor.Shape.AsSpan().SequenceEqual(shape)
            ? tensor.Values
            : throw new InvalidDataException(
                $"'{name}' is [{string.Join(", ", tensor.Shape)}], the configuration asks for [{string.Join(", ", shape.ToArray())}].");
    }

    /// <summary>A tensor of two dimensions whose sizes only the weights determine.</summary>
    /// <exception cref="InvalidDataException">Missing, or of another number of dimensions.</exception>
    public NamedTensor Matrix(string name)
    {
        InvalidDataException.ThrowIf(!tensors.TryGetValue(name, out NamedTensor? tensor), $"The weights have no '{name}'.");

        return tensor.Shape.Length == 2 ? tensor : throw new InvalidDataException($"'{name}' has {tensor.Shape.Length} dimensions, expected 2.");
    }

    public LinearWeights Linear(string name, int input, int output, bool bias) =>
        new(name, Get($"{name}.weight", output, input), bias ? Get($"{name}.bias", output) : null, input, output);

    /// <summary>A linear layer and the batch norm after it, which in evaluation is a scale and a shift, as one layer.</summary>
    public LinearWeights LinearThenBatchNorm(string linear, string norm, int input, int output)
    {
        const float Epsilon = 1e-5f; // PyTorch's default, which the network uses.
        float[] gamma = Get($"{norm}.weight", output);
        float[] beta = Get($"{norm}.bias", output);
        float[] mean = Get($"{norm}.running_mean", output);
        float[] variance = Get($"{norm}.running_var", output);
        float[] scale = [.. gamma.Select((g, i) => g / MathF.Sqrt(variance[i] + Epsilon))];
        float[] shift = [.. beta.Select((b, i) => b - mean[i] * scale[i])];
        return Linear(linear, input, output, bias: true).ThenScale(scale, shift);
    }
}
