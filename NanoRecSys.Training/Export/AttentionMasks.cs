using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>Which scores of an attention do not count, because a position sees neither padding nor its future.</summary>
/// <param name="Padding">bool [B, 1, 1, L], all that the last position needs.</param>
/// <param name="PaddingAndFuture">bool [B, 1, L, L]</param>
internal sealed record AttentionMasks(OnnxValue Padding, OnnxValue PaddingAndFuture)
{
    /// <summary>
    /// Finite on purpose: softmax over a row of -infinity alone is NaN, and left padding has such rows. It
    /// is large enough that what is masked gets exactly zero.
    /// </summary>
    public const float Masked = -1e9f;

    public static AttentionMasks Build(OnnxGraph graph, OnnxValue tokens)
    {
        graph.Scope = "mask";
        OnnxValue isPadding = graph.Node("Equal", [tokens, graph.ScalarConstant(0L)]); // [B, L]
        isPadding = graph.Unsqueeze(isPadding, 1, 2); // [B, 1, 1, L]

        OnnxValue positions = Positions(graph, tokens); // [L]
        OnnxValue isFuture = graph.Node("Greater", [positions, graph.Unsqueeze(positions, 1)]); // [L], [L, 1] -> [L, L]
        return new AttentionMasks(isPadding, graph.Or(isPadding, isFuture)); // [B, 1, 1, L] or [L, L] -> [B, 1, L, L]
    }

    /// <summary>[L] 0, 1, ... of the sequence.</summary>
    public static OnnxValue Positions(OnnxGraph graph, OnnxValue tokens) =>
        graph.Node("Range", [graph.ScalarConstant(0L), Length(graph, tokens), graph.ScalarConstant(1L)]);

    /// <summary>[L] ..., 1, 0: items that follow each one.</summary>
    public static OnnxValue FromEnd(OnnxGraph graph, OnnxValue tokens)
    {
        OnnxValue last = graph.Subtract(Length(graph, tokens), graph.ScalarConstant(1L));
        return graph.Subtract(last, Positions(graph, tokens));
    }

    private static OnnxValue Length(OnnxGraph graph, OnnxValue tokens) =>
        graph.Gather(graph.Node("Shape", [tokens]), graph.ScalarConstant(1L)); // scalar
}
