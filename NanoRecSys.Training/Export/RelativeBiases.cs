using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export.Onnx;
using NanoRecSys.Training.Models.Attention;

namespace NanoRecSys.Training.Export;

/// <summary>What each block adds to its scores for the items, and the time, between two positions.</summary>
/// <param name="Between">int64 [L, L]: items from j to i, 0 where j is later.</param>
/// <param name="BetweenLast">int64 [1, L]: the same of the last position.</param>
/// <param name="Buckets">int64 [B, L, L] of <see cref="TimeBuckets"/>; null without a time bias.</param>
/// <param name="BucketsOfLast">int64 [B, 1, L]</param>
internal sealed record RelativeBiases(OnnxValue Between, OnnxValue BetweenLast, OnnxValue? Buckets, OnnxValue? BucketsOfLast)
{
    /// <param name="graph">To build in.</param>
    /// <param name="tokens">[B, L]</param>
    /// <param name="times">int64 [B, L] seconds, anything at padding; null without a time bias.</param>
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

    /// <summary>What follows a position is asked for when the next item comes, after the last one now: [B, L].</summary>
    private static OnnxValue Asked(OnnxGraph graph, OnnxValue times, OnnxValue now)
    {
        OnnxValue next = graph.Node("Slice", [times, graph.Constant(1), graph.Constant(long.MaxValue), graph.Constant(1)]); // [B, L - 1]
        return graph.Concat(1, next, graph.Unsqueeze(now, 1));
    }

    // In doubles, as in training: in single precision a span of years would fall into its neighbour's bucket.
    private static OnnxValue ToBuckets(OnnxGraph graph, OnnxValue spans)
    {
        OnnxValue seconds = graph.Cast(graph.Max(spans, graph.ScalarConstant(1L)), TensorProto.Types.DataType.Double);
        OnnxValue bucket = graph.Cast(graph.Divide(graph.Node("Log", [seconds]), graph.ScalarConstant(TimeBuckets.Width)), TensorProto.Types.DataType.Int64);
        return graph.Node("Min", [bucket, graph.ScalarConstant(TimeBuckets.Count - 1L)]);
    }
}
