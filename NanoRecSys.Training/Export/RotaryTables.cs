using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export.Onnx;
using NanoRecSys.Training.Models;

namespace NanoRecSys.Training.Export;

/// <summary>
/// Rotary position embedding (Su et al., 2021), rotate-half form: the pair (a, b) of a head's halves at
/// position p turns to (a cos - b sin, b cos + a sin). Scores then depend on distances only, which is why
/// padding on the left does not change them.
/// </summary>
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

    /// <summary>[B, L, heads, d] -> the same shape, turned.</summary>
    public OnnxValue Rotate(OnnxGraph graph, OnnxValue x, int headWidth)
    {
        OnnxValue[] halves = graph.Split(x, -1, headWidth / 2, headWidth / 2);
        (OnnxValue a, OnnxValue b) = (halves[0], halves[1]);
        return graph.Concat(-1,
            graph.Subtract(graph.Multiply(a, Cos), graph.Multiply(b, Sin)),
            graph.Add(graph.Multiply(b, Cos), graph.Multiply(a, Sin)));
    }
}
