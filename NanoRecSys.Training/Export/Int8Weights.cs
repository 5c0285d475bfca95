using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>A weight matrix in 8 bits, each output by a scale of its own; signed, which is what the processor multiplies fastest.</summary>
/// <param name="Steps">int8 [In, Out]</param>
/// <param name="Scale">[Out]</param>
/// <param name="Zero">int8 [Out] of zeros.</param>
internal sealed record Int8Weights(OnnxValue Steps, OnnxValue Scale, OnnxValue Zero)
{
    public static Int8Weights Write(OnnxGraph graph, LinearWeights weights)
    {
        float[] matrix = weights.Transposed(); // [In, Out]
        var scales = new float[weights.Out];
        for (int i = 0; i < matrix.Length; i++)
        {
            scales[i % weights.Out] = Math.Max(scales[i % weights.Out], Math.Abs(matrix[i]) / sbyte.MaxValue);
        }

        sbyte[] steps = [.. matrix.Select((weight, i) => scales[i % weights.Out] is var scale and > 0 ? (sbyte)MathF.Round(weight / scale) : (sbyte)0)];
        return new Int8Weights(
            graph.Initializer($"{weights.Name}.weight.T.int8", steps, weights.In, weights.Out),
            graph.Initializer($"{weights.Name}.weight.scale", scales, weights.Out),
            graph.Initializer($"{weights.Name}.weight.zero", new sbyte[weights.Out], weights.Out));
    }
}
