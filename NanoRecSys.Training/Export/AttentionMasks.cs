using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>What keeps a position from padding and from its future: numbers that are added to the scores before softmax.</summary>
/// <param name="Padding">[B, 1, 1, L], all that the last position needs; null where nothing is padded.</param>
/// <param name="PaddingAndFuture">[B, 1, L, L], or [L, L] where nothing is padded.</param>
internal sealed record AttentionMasks(OnnxValue? Padding, OnnxValue PaddingAndFuture)
{
    /// <summary>
    /// Finite on purpose: softmax over a row of -infinity alone is NaN, and left padding has such rows. It
    /// is large enough that what is masked gets exactly zero.
    /// </summary>
    private const float Masked = -1e9f;

    /// <param name="graph">To build in.</param>
    /// <param name="tokens">[B, L]</param>
    /// <param name="isPadded">Whether zeros on the left are padding.</param>
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
        return new AttentionMasks(Numbers(graph, isPadding), Numbers(graph, graph.Or(isPadding, isFuture)));
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

    private static OnnxValue Numbers(OnnxGraph graph, OnnxValue isMasked) =>
        graph.Where(isMasked, graph.ScalarConstant(Masked), graph.ScalarConstant(0f));

    private static OnnxValue Length(OnnxGraph graph, OnnxValue tokens) =>
        graph.Gather(graph.Node("Shape", [tokens]), graph.ScalarConstant(1L)); // scalar
}
